"""One training step of the methods that the throughput reference lacks, in PyTorch, timed as it times its own.

    python tools/torch/perf_methods.py --reference FILE --method npid --depth 18 --size 32 --batch 64 \
        --precision fp32 --steps 20 --samples 50000 --negatives 4096

FILE is torch_reference.py, whose backbone, options and set-up are used; it has moco, simclr, byol and rotation. One JSON line
with its keys. Networks, necks and memories are those that methods/*.recipes.ts export as `speed`; the optimiser is the reference's SGD.
"images" are source images: relative_loc sees nine patches of side `size` of each.

Written to be fast: the middle patch is encoded once for its eight pairs, memories are updated in place, negatives are
drawn by randint (an alias table of equal weights is no more), clusters are summed by index_add_. As with all methods that
work every tenth step, the time of an odc step is the mean; others have the median.
"""
import argparse
import contextlib
import io
import json
import resource
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--reference", required=True)
    parser.add_argument("--method", required=True, choices=sorted(METHODS))
    parser.add_argument("--depth", type=int, default=50, choices=[18, 50])
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"])
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--samples", type=int, default=1281167, help="rows of memory banks")
    parser.add_argument("--clusters", type=int, default=10000)
    parser.add_argument("--least", type=int, default=20, help="samples of a cluster that odc keeps")
    parser.add_argument("--negatives", type=int, default=65536)
    parser.add_argument("--width", type=int, default=8192, help="of Barlow Twins' projector")
    return parser.parse_args()


def helpers(args):
    """The names of the reference, which is a script: it runs one small step first, unheard."""
    argv, line = sys.argv, f"--method supervised --depth {args.depth} --size 32 --batch 2 --steps 1 --warmup 0"
    sys.argv = [args.reference, *line.split(), "--threads", str(args.threads)]
    names = {"__name__": "reference"}
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(open(args.reference).read(), args.reference, "exec"), names)
    finally:
        sys.argv = argv
    for name in ("q", "params", "opt", "l", "x1", "x2"):  # its step is over: so is its memory
        names.pop(name)
    names["a"].size = args.size
    return {name: names[name] for name in ("backbone", "img")}


def channels_last(module):
    return module.to(memory_format=torch.channels_last)


def normal(layer, std, bias=0.0):
    nn.init.normal_(layer.weight, std=std)
    nn.init.constant_(layer.bias, bias)
    return layer


class Step(nn.Module):
    """A method: `loss()` of the batch, and what follows the optimiser's step in `after()`."""

    def __init__(self, args, reference):
        super().__init__()
        self.args = args
        self.backbone, self.features = reference["backbone"]()
        self.images = reference["img"]
        self.labels = torch.arange(args.batch)

    def after(self, step):
        pass


class Supervised(Step):
    def __init__(self, args, reference):
        super().__init__(args, reference)
        self.head = normal(nn.Linear(self.features, 1000), 0.01)
        self.x = self.images(args.batch)

    def loss(self):
        return F.cross_entropy(self.head(self.backbone(self.x)).float(), self.labels)


class RelativeLoc(Step):
    def __init__(self, args, reference):
        super().__init__(args, reference)
        self.fc = normal(nn.Linear(2 * self.features, 4096), 0.005, 0.1)
        self.bn, self.drop = nn.BatchNorm1d(4096, momentum=0.003), nn.Dropout(0.5)
        self.head = normal(nn.Linear(4096, 8), 0.005)
        self.outer, self.centre = self.images(8 * args.batch), self.images(args.batch)
        self.places = torch.arange(8).repeat(args.batch)

    def loss(self):
        around = self.backbone(self.outer)
        middle = self.backbone(self.centre).repeat_interleave(8, 0)
        pairs = self.drop(self.bn(self.fc(torch.cat([around, middle], 1))).relu_())
        return F.cross_entropy(self.head(pairs).float(), self.places)


class DeepCluster(Step):
    def __init__(self, args, reference):
        super().__init__(args, reference)
        first = self.backbone.conv1
        self.backbone.conv1 = nn.Conv2d(2, 64, first.kernel_size, first.stride, first.padding, bias=False)
        self.head = normal(nn.Linear(self.features, args.clusters), 0.01)
        grey, edges = nn.Conv2d(3, 1, 1), nn.Conv2d(1, 2, 3, padding=1)
        x = torch.tensor([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]])
        grey.weight.data.fill_(1 / 3)
        edges.weight.data.copy_(torch.stack([x, x.t()]).unsqueeze(1))
        for layer in (grey, edges):
            layer.bias.data.zero_()
            layer.requires_grad_(False)
        self.sobel = nn.Sequential(grey, edges)
        self.x = self.images(args.batch)
        self.pseudo = torch.arange(args.samples) % args.clusters

    def loss(self):
        logits = self.head(self.backbone(self.sobel(self.x)))
        return F.cross_entropy(logits.float(), self.pseudo[self.labels])


class Npid(Step):
    def __init__(self, args, reference):
        super().__init__(args, reference)
        self.fc = nn.Linear(self.features, 128)
        self.x = self.images(args.batch)
        self.bank = F.normalize(torch.randn(args.samples, 128), dim=1)

    def loss(self):
        args, at = self.args, self.labels
        f = F.normalize(self.fc(self.backbone(self.x)).float(), dim=1)
        with torch.no_grad():
            own = self.bank[at]
            drawn = torch.randint(args.samples, (args.batch * args.negatives,))
            rows = self.bank.index_select(0, drawn).view(args.batch, args.negatives, 128)
        positive = (f * own).sum(1, keepdim=True)
        with torch.autocast("cpu", enabled=False):  # the bank is kept as float32: casting it is slower
            negative = torch.bmm(rows, f.unsqueeze(2)).squeeze(2)
        loss = F.cross_entropy(torch.cat([positive, negative], 1) / 0.07, torch.zeros_like(at))
        with torch.no_grad():
            self.bank[at] = F.normalize(0.5 * own + 0.5 * f, dim=1)
        return loss


class Odc(Step):
    WIDTH = 256

    def __init__(self, args, reference):
        super().__init__(args, reference)
        width = self.WIDTH
        self.fc0, self.fc1 = nn.Linear(self.features, 512), nn.Linear(512, width)
        self.bn, self.drop = nn.BatchNorm1d(512, momentum=0.001, affine=False), nn.Dropout(0.5)
        self.head = normal(nn.Linear(width, args.clusters), 0.01)
        self.x = self.images(args.batch)
        self.bank = torch.rand(args.samples, width)
        self.label = torch.arange(args.samples) % args.clusters
        self.centroids = torch.zeros(args.clusters, width)
        self.recentre()
        self.census()

    def loss(self):
        at = self.labels
        hidden = self.drop(self.bn(self.fc0(self.backbone(self.x))).relu_())
        feature = self.fc1(hidden).relu()
        logits = self.head(feature)
        loss = F.cross_entropy(logits.float(), self.label[at], self.weight)
        with torch.no_grad(), torch.autocast("cpu", enabled=False):
            fresh = F.normalize(feature.float(), dim=1)
            rows = F.normalize(0.5 * self.bank[at] + 0.5 * fresh, dim=1)
            label = (rows @ self.centroids.t()).argmax(1)
            self.change = (label != self.label[at]).float().mean()
            self.bank[at], self.label[at] = rows, label
        return loss

    @torch.no_grad()
    def after(self, step):
        if (step + 1) % 10 == 0:
            self.recentre()
        self.census()
        if self.sizes.min() < self.args.least:
            raise SystemExit("a small cluster: not part of the step that is timed")

    def recentre(self):
        sizes = torch.bincount(self.label, minlength=self.args.clusters).unsqueeze(1)
        sums = torch.zeros_like(self.centroids).index_add_(0, self.label, self.bank)
        self.centroids = torch.where(sizes > 0, sums / sizes.clamp(min=1), self.centroids)

    def census(self):
        self.sizes = torch.bincount(self.label, minlength=self.args.clusters)
        weight = (1 / (self.sizes + 1e-5)).sqrt()
        self.weight = weight / weight.sum()


class BarlowTwins(Step):
    def __init__(self, args, reference):
        super().__init__(args, reference)
        layers, inputs = [], self.features
        for last in (False, False, True):
            layers.append(nn.Linear(inputs, args.width, bias=False))
            layers += [] if last else [nn.BatchNorm1d(args.width), nn.ReLU(inplace=True)]
            inputs = args.width
        self.projector = nn.Sequential(*layers)
        self.norm = nn.BatchNorm1d(args.width, affine=False)
        self.views = self.images(args.batch), self.images(args.batch)

    def loss(self):
        a, b = (self.norm(self.projector(self.backbone(x))) for x in self.views)
        c = (a.t() @ b).float().div_(self.args.batch)
        on = torch.diagonal(c).add(-1).pow(2).sum()
        width = self.args.width
        off = c.flatten()[:-1].view(width - 1, width + 1)[:, 1:].pow(2).sum()
        return on + 0.0051 * off


METHODS = {
    "supervised": Supervised,
    "relative_loc": RelativeLoc,
    "deepcluster": DeepCluster,
    "npid": Npid,
    "odc": Odc,
    "barlow_twins": BarlowTwins,
}


def main():
    args = options()
    reference = helpers(args)
    torch.manual_seed(0)
    method = channels_last(METHODS[args.method](args, reference))
    parameters = [p for p in method.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(parameters, lr=1e-3, momentum=0.9, weight_decay=1e-4)
    times = []
    for step in range(args.warmup + args.steps):
        before = time.perf_counter()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.precision == "bf16"):
            loss = method.loss()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        loss.item()
        method.after(step)
        if step >= args.warmup:
            times.append(time.perf_counter() - before)
    seconds = (statistics.mean if args.method == "odc" else statistics.median)(times)
    names = ("method", "depth", "size", "batch", "precision", "steps", "samples", "clusters", "negatives", "width")
    line = {"framework": "torch", "version": torch.__version__} | {n: getattr(args, n) for n in names}
    line |= {"threads": torch.get_num_threads(), "step_ms": round(1e3 * seconds, 1)}
    line |= {"images_per_second": round(args.batch / seconds, 3)}
    print(json.dumps(line | {"peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))


if __name__ == "__main__":
    main()
