"""Train MoCo in PyTorch from a trace of ours: same initial weights, same batches, same schedule.

    python tools/torch/moco_cifar10.py --trace DIR                         # batches in files
    python tools/torch/moco_cifar10.py --trace DIR --stream FIFO \\
        --knn-train data_batch_1.bin data_batch_2.bin --knn-test test_batch.bin   # a whole run
    python tools/torch/moco_cifar10.py --trace DIR --own-augmentation data_batch_1.bin ...

Prints JSON lines: {"step", "loss", "lr"} for every step, {"step", "knn_top1", ...} for every k-NN.
With `--expect FILE` (our lines of {"step", "loss"}) a last line gives the largest relative difference.
"""
import argparse
import json
import time

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch.func import functional_call
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from networks import encoder
from traces import Batch, Trace, read_cifar


MOMENTUM = "optimizer.momentum.encoder_q."  # the optimizer's state in our files


class MoCo:
    """Query and key encoders, queue and optimizer; batch-norm statistics are kept per replica."""

    def __init__(self, trace, state):
        self.trace = trace
        self.query, self.key = (self.build(state, n) for n in ("encoder_q.", "encoder_k."))
        self.key.requires_grad_(False)
        self.statistics = [
            [{n: b.clone() for n, b in net.named_buffers()} for _ in range(trace.replicas)]
            for net in (self.query, self.key)
        ]
        queue = state["queue"]
        slots = {n[len(MOMENTUM) :]: v for n, v in state.items() if n.startswith(MOMENTUM)}
        self.queue = (queue if queue.shape[0] == trace.queue else queue.t()).clone()  # [K, D]
        self.at = int(state["queue_ptr"].item()) if "queue_ptr" in state else 0
        self.optimizer = torch.optim.SGD(
            self.query.parameters(),
            lr=0.0,
            momentum=trace.momentum,
            weight_decay=trace.weightDecay,
        )
        for name, parameter in self.query.named_parameters():
            if name in slots:
                self.optimizer.state[parameter]["momentum_buffer"] = slots[name].clone()

    def build(self, state, prefix):
        weights = {n[len(prefix) :]: v for n, v in state.items() if n.startswith(prefix)}
        return encoder(self.trace.depth, self.trace.width, self.trace.stem, weights)

    def towers(self, net, statistics, images):
        """Every replica's rows with its own statistics -> unit rows [R N, D]."""
        parameters = dict(net.named_parameters())
        rows = [
            functional_call(net, {**parameters, **own}, (x,))
            for own, x in zip(statistics, images.chunk(self.trace.replicas))
        ]
        return F.normalize(torch.cat(rows).float(), dim=1)

    def keys(self, images, shuffle):
        m = self.trace.keyMomentum
        for key, query in zip(self.key.parameters(), self.query.parameters()):
            key.mul_(m).add_(query, alpha=1 - m)
        shuffled = self.towers(self.key, self.statistics[1], images[shuffle])
        return shuffled[shuffle.argsort()]

    def step(self, batch, lr):
        first, second = (self.trace.normalise(view) for view in batch.views)
        bf16 = self.trace.precision == "bf16"
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            q = self.towers(self.query, self.statistics[0], first)
            with torch.no_grad():
                k = self.keys(second, batch.shuffle)
        logits = torch.cat([(q * k).sum(1, keepdim=True), q @ self.queue.t()], 1)
        loss = F.cross_entropy(logits / self.trace.temperature, logits.new_zeros(len(q)).long())
        self.optimizer.param_groups[0]["lr"] = lr
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.queue[self.at : self.at + len(k)] = k
        self.at = (self.at + len(k)) % len(self.queue)
        return loss.item()

    def weights(self):
        """Everything under the original's names; statistics are those of replica 0."""
        state = {"queue": self.queue.contiguous(), "queue_ptr": torch.tensor([self.at])}
        for name, net, own in zip("qk", (self.query, self.key), self.statistics):
            for key, value in {**dict(net.named_parameters()), **own[0]}.items():
                state[f"encoder_{name}.{key}"] = value.detach().contiguous()
        return state


def features(trace, weights, images):
    """Pooled unit rows of the query's backbone with running statistics."""
    prefix = "encoder_q."
    own = {n[len(prefix) :]: v for n, v in weights.items() if n.startswith(prefix)}
    backbone = encoder(trace.depth, trace.width, trace.stem, own)[0].eval()
    with torch.no_grad():
        rows = [backbone(trace.normalise(x)).mean((2, 3)) for x in images.split(500)]
    return F.normalize(torch.cat(rows), dim=1)


def knn(trace, weights, train, test, k, temperature):
    """Weighted k-NN top-1 in percent: votes exp(similarity / temperature), Wu et al. 2018."""
    bank, rows = (features(trace, weights, images) for images, _ in (train, test))
    similarity, nearest = (rows @ bank.t()).topk(k, dim=1)
    votes = torch.zeros(len(rows), int(train[1].max()) + 1)
    votes.scatter_add_(1, train[1][nearest], (similarity / temperature).exp())
    return 100 * (votes.argmax(1) == test[1]).float().mean().item()


class OwnViews(Dataset):
    """Two views by torchvision's transforms (MoCo v2's pipeline without blur)."""

    def __init__(self, images, size):
        self.images = images.permute(0, 3, 1, 2).contiguous()
        self.transform = v2.Compose(
            [
                v2.RandomResizedCrop(size, scale=(0.2, 1.0), antialias=True),
                v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
                v2.RandomGrayscale(0.2),
                v2.RandomHorizontalFlip(),
            ]
        )

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = self.images[index]
        return tuple(self.transform(image).permute(1, 2, 0) for _ in range(2))


def own_batches(trace, paths):
    samples = trace.replicas * trace.batch
    data = OwnViews(read_cifar(paths)[0], trace.size)
    loader = DataLoader(data, samples, shuffle=True, drop_last=True, num_workers=1)
    while True:
        for views in loader:
            yield Batch(tuple(views), torch.randperm(samples))


def perturbed(state, seed):
    """Each float of the encoders one unit in the last place up or down: what rounding alone can do."""
    torch.manual_seed(seed)
    moved = dict(state)
    for name, value in state.items():
        if name.startswith("encoder_q.") and value.is_floating_point():
            up = torch.rand_like(value) < 0.5
            moved[name] = value.nextafter(torch.where(up, torch.inf, -torch.inf).to(value))
            moved[name.replace("encoder_q.", "encoder_k.")] = moved[name]
    return moved


def report(**fields):
    print(json.dumps(fields), flush=True)


def compare(path, losses):
    """Largest relative difference between these losses and the lines of `path`."""
    lines = [json.loads(line) for line in open(path) if line.strip()]
    ours = {line["step"]: line["loss"] for line in lines if "loss" in line}
    apart = [(abs(losses[s] - v) / abs(losses[s]), s) for s, v in ours.items() if s < len(losses)]
    worst, step = max(apart)
    report(compared=len(apart), largest_relative_difference=worst, at_step=step)


def each_step(trace):
    """Take every step of ours from our own state before it; how far loss and state then are from ours."""
    ours = [json.loads(line)["loss"] for line in open(trace.folder / "losses.jsonl")]
    after = load_file(trace.folder / "state_000000.safetensors")
    for step, (lr, batch) in enumerate(zip(trace.lr[: len(ours)], trace.batches())):
        before, after = after, load_file(trace.folder / f"state_{step + 1:06d}.safetensors")
        model = MoCo(trace, before)
        loss = model.step(batch, lr)
        apart = {}
        for name, value in model.weights().items():
            if not value.is_floating_point():
                continue
            expected = after[name].t() if value.shape != after[name].shape else after[name]
            move = (expected - before[name].reshape(expected.shape)).norm()
            apart[name] = ((value - expected).norm() / move.clamp_min(1e-12)).item()
        worst = max(apart, key=apart.get)
        difference = abs(loss - ours[step]) / abs(loss)
        report(step=step, loss=loss, relative_difference=difference, update=apart[worst], at=worst)


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--trace", required=True)
    parser.add_argument("--stream", help="pipe with batches, - for standard input")
    parser.add_argument("--own-augmentation", nargs="+", metavar="CIFAR_FILE")
    parser.add_argument("--steps", type=int, help="stop after so many")
    parser.add_argument("--expect", help="our losses, JSON lines")
    parser.add_argument("--perturb", type=int, metavar="SEED", help="move every weight by one unit in the last place")
    parser.add_argument("--save", help="final weights, safetensors")
    parser.add_argument("--each-step", action="store_true", help="from our state before every step (trace --states)")
    parser.add_argument("--knn-of", help="train nothing: k-NN of this safetensors file")
    parser.add_argument("--knn-train", nargs="+", metavar="CIFAR_FILE")
    parser.add_argument("--knn-test", nargs="+", metavar="CIFAR_FILE")
    parser.add_argument("--knn-every", type=int, default=0, help="steps; 0: at the end only")
    parser.add_argument("--k", type=int, default=200)
    parser.add_argument("--knn-temperature", type=float, default=0.1)
    return parser.parse_args()


def main():
    args = options()
    torch.manual_seed(0)
    trace = Trace(args.trace)
    sets = [read_cifar(p) for p in (args.knn_train, args.knn_test) if p]

    def evaluate(step, weights):
        if len(sets) == 2:
            top1 = knn(trace, weights, *sets, args.k, args.knn_temperature)
            report(step=step, knn_top1=top1, k=args.k, temperature=args.knn_temperature)

    if args.knn_of:
        return evaluate(None, load_file(args.knn_of))
    if args.each_step:
        return each_step(trace)
    state = trace.initial()
    if args.perturb is not None:
        state = perturbed(state, args.perturb)
    model = MoCo(trace, state)
    if args.own_augmentation:
        batches = own_batches(trace, args.own_augmentation)
    else:
        batches = trace.stream(args.stream) if args.stream else trace.batches()
    evaluate(0, model.weights())
    losses, start = [], time.perf_counter()
    for step, (lr, batch) in enumerate(zip(trace.lr[: args.steps], batches)):
        losses.append(model.step(batch, lr))
        report(step=step, loss=losses[-1], lr=lr)
        if args.knn_every and (step + 1) % args.knn_every == 0:
            evaluate(step + 1, model.weights())
    report(steps=len(losses), seconds=time.perf_counter() - start)
    evaluate(len(losses), model.weights())
    if args.save:
        save_file(model.weights(), args.save)
    if args.expect:
        compare(args.expect, losses)


if __name__ == "__main__":
    main()
