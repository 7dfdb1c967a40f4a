"""Training steps of Faster or Mask R-CNN R50-C4 in PyTorch, of torchvision's parts: the same start, pictures and draws.

    npx zx scripts/detection_trace.mjs WEIGHTS --data DATA --steps 20 --out TRACE
    python tools/torch/detection_steps.py --trace TRACE

The network, its losses and its proposals are written here with torchvision's bottleneck blocks, roi_align, nms and
box_iou and with torch.nn; outlines are filled by pycocotools. Of ours are the start, the pictures, and which anchors and
regions are drawn: an order of proposals that are all but equal changes with the last bit, and other draws with it. So
proposals are made and drawn here as well, and `alike` is the share of our regions that are among them. Prints JSON lines,
one a step: {"step", "ours", "theirs", "apart", "alike"}, the losses by name and how far each is apart over the larger of
it and 1; last {"steps", "worst", "at"}.
"""
import argparse
import json
import math
import pathlib

import numpy as np
import pycocotools.mask as coco
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn
from torchvision.models.resnet import Bottleneck
from torchvision.ops import box_iou, clip_boxes_to_image, nms, roi_align

CLAMP = math.log(1000 / 16)
BLOCKS = {50: (3, 4, 6), 101: (3, 4, 23)}
PARTS = (("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3"))


def stage(inputs, inner, outputs, blocks, stride):
    """torchvision's bottlenecks of any width; the stride is in the 3x3 convolution."""
    layers = []
    for i in range(blocks):
        step = stride if i == 0 else 1
        down = None
        if i == 0:
            down = nn.Sequential(nn.Conv2d(inputs, outputs, 1, step, bias=False), nn.BatchNorm2d(outputs))
        block = Bottleneck(inputs if i == 0 else outputs, inner, step, down)
        if block.conv3.out_channels != outputs:
            raise SystemExit(f"a stage of {inner} channels gives {block.conv3.out_channels}, not {outputs}")
        layers.append(block)
    return nn.Sequential(*layers)


class Detector(nn.Module):
    def __init__(self, spec, depth, width):
        super().__init__()
        base = round(64 * width)
        self.spec = spec
        self.stem = nn.Conv2d(3, base, 7, 2, 3, bias=False)
        self.stem_norm = nn.BatchNorm2d(base)
        first, second, third = BLOCKS[depth]
        self.res2 = stage(base, base, 4 * base, first, 1)
        self.res3 = stage(4 * base, 2 * base, 8 * base, second, 2)
        self.res4 = stage(8 * base, 4 * base, 16 * base, third, 2)
        self.res5 = stage(16 * base, 8 * base, 32 * base, 3, 2)
        self.extra = nn.BatchNorm2d(32 * base) if spec["extraNorm"] else nn.Identity()
        cells = len(spec["anchors"]["sizes"]) * len(spec["anchors"]["ratios"])
        classes = spec["classes"]
        self.conv = nn.Conv2d(16 * base, 16 * base, 3, padding=1)
        self.objectness, self.offsets = nn.Conv2d(16 * base, cells, 1), nn.Conv2d(16 * base, 4 * cells, 1)
        self.cls, self.reg = nn.Linear(32 * base, classes + 1), nn.Linear(32 * base, 4 * classes)
        if "mask" in spec:
            channels = spec["mask"]["channels"]
            self.deconv = nn.ConvTranspose2d(32 * base, channels, 2, 2)
            self.predictor = nn.Conv2d(channels, classes, 1)

    def named(self):
        """Each layer under detectron2's name."""
        yield "backbone.stem.conv1", self.stem
        yield "backbone.stem.conv1.norm", self.stem_norm
        for name, layers in (
            ("backbone.res2", self.res2),
            ("backbone.res3", self.res3),
            ("backbone.res4", self.res4),
            ("roi_heads.res5", self.res5),
        ):
            for i, block in enumerate(layers):
                for conv, norm in PARTS:
                    yield f"{name}.{i}.{conv}", getattr(block, conv)
                    yield f"{name}.{i}.{conv}.norm", getattr(block, norm)
                if block.downsample is not None:
                    yield f"{name}.{i}.shortcut", block.downsample[0]
                    yield f"{name}.{i}.shortcut.norm", block.downsample[1]
        if self.spec["extraNorm"]:
            yield "roi_heads.res5.norm", self.extra
        head = "proposal_generator.rpn_head"
        yield f"{head}.conv", self.conv
        yield f"{head}.objectness_logits", self.objectness
        yield f"{head}.anchor_deltas", self.offsets
        yield "roi_heads.box_predictor.cls_score", self.cls
        yield "roi_heads.box_predictor.bbox_pred", self.reg
        if "mask" in self.spec:
            yield "roi_heads.mask_head.deconv", self.deconv
            yield "roi_heads.mask_head.predictor", self.predictor

    def start(self, state):
        used = set()
        with torch.no_grad():
            for name, layer in self.named():
                for key, value in layer.state_dict().items():
                    value.copy_(state[f"{name}.{key}"])
                    used.add(f"{name}.{key}")
        left = [key for key in state if not key.startswith("optimizer.") and key not in used]
        if left:
            raise SystemExit(f"of our state nothing here is called {left}")

    def trunk(self, x):
        x = F.relu(self.stem_norm(self.stem(x)))
        return self.res4(self.res3(self.res2(F.max_pool2d(x, 3, 2, 1))))


def encode(source, target, weights):
    size, wanted = source[:, 2:] - source[:, :2], target[:, 2:] - target[:, :2]
    shift = ((target[:, :2] + wanted / 2) - (source[:, :2] + size / 2)) / size
    return torch.cat([shift, torch.log(wanted / size)], 1) * source.new_tensor(weights)


def decode(source, deltas):
    size = source[:, 2:] - source[:, :2]
    centre = source[:, :2] + size / 2 + deltas[:, :2] * size
    half = deltas[:, 2:].clamp(max=CLAMP).exp() * size / 2
    return torch.cat([centre - half, centre + half], 1)


def drawn(flags, keys, count):
    """Those that are flagged with the highest keys, by falling key."""
    places = flags.nonzero()[:, 0]
    return places[keys[places].argsort(descending=True, stable=True)[:count]]


def regions_of(spec, score, delta, given, i):
    """Regions of a picture that are learnt from, their classes, and the objects that they meet."""
    train, roi = spec["proposals"]["train"], spec["roi"]
    count = int(given["counts"][i])
    truths, classes = given["truths"][i, :count], given["classes"][i, :count].long()
    top, order = score.topk(min(train["before"], len(score)))
    boxes = decode(given["anchors"][order], delta[order])
    boxes = clip_boxes_to_image(boxes, tuple(given["sizes"][i].tolist()))
    large = (boxes[:, 2:] - boxes[:, :2] > train["minSize"]).all(1)
    boxes, top = boxes[large], top[large]
    boxes = boxes[nms(boxes, top, train["threshold"])[: train["after"]]]
    # Keys are of places among all that there is room for: objects come behind the last proposal.
    own = torch.cat([given["keys"][i, : len(boxes)], given["keys"][i, train["after"] : train["after"] + count]])
    boxes = torch.cat([boxes, truths])
    best, who = box_iou(truths, boxes).max(0)
    shown = drawn(best >= roi["threshold"], own, int(roi["count"] * roi["positiveFraction"]))
    others = drawn(best < roi["threshold"], own, roi["count"] - len(shown))
    pick = torch.cat([shown, others])
    labels = torch.cat([classes[who[shown]], torch.full_like(others, spec["classes"])])
    return boxes[pick], labels, truths[who[pick]], who[pick]


def regions_given(given, i):
    boxes, goals = given[f"drawn{i}.boxes"], given[f"drawn{i}.goals"].long()
    return boxes, given[f"drawn{i}.classes"].long(), given["truths"][i][goals], goals


def among(ours, theirs):
    """How many of our boxes are among theirs, to a hundredth of a pixel."""
    return int((torch.cdist(ours.double(), theirs.double(), p=float("inf")).min(1).values < 0.01).sum())


def filled(given, i, place, box, side):
    """What of an object lies in a region, as detectron2 asks pycocotools for it."""
    sides, parts = given["sides"][i, place].numpy(), given["parts"][i, place].numpy()
    real = (sides != 0).any(1)
    polygons = []
    for part in np.unique(parts[real]):
        points = sides[real & (parts == part)][:, :2].astype(np.float64)
        low, high = box[:2].float().numpy(), box[2:].float().numpy()
        scale = side / np.maximum(high - low, np.float32(0.1))
        polygons.append(((points - low) * scale).ravel())
    return torch.from_numpy(coco.decode(coco.merge(coco.frPyObjects(polygons, side, side)))).to(given["images"].dtype)


def losses_of(net, given):
    spec = net.spec
    features = net.trunk(given["images"].permute(0, 3, 1, 2))
    hidden = F.relu(net.conv(features))
    count = len(features)
    score = net.objectness(hidden).permute(0, 2, 3, 1).reshape(count, -1)
    delta = net.offsets(hidden).permute(0, 2, 3, 1).reshape(count, -1, 4)
    per = spec["rpn"]["count"] * count
    rpn_cls = F.binary_cross_entropy_with_logits(score, given["labels"], weight=given["drawn"], reduction="sum") / per
    rpn_loc = (delta - given["deltas"]).abs().mul(given["moved"]).sum() / per
    with torch.no_grad():
        own = [regions_of(spec, score[i], delta[i], given, i) for i in range(count)]
        found = [regions_given(given, i) for i in range(count)]
        alike = sum(among(ours[0], theirs[0]) for ours, theirs in zip(found, own)) / sum(len(f[0]) for f in found)
    boxes = [one[0] for one in found]
    labels, met = torch.cat([one[1] for one in found]), torch.cat([one[2] for one in found])
    pooler = spec["pooler"]
    pooled = roi_align(features, boxes, pooler["output"], pooler["scale"], pooler["samplingRatio"], pooler["aligned"])
    seen = net.extra(net.res5(pooled))
    mean = seen.mean((2, 3))
    moves = net.reg(mean).view(len(labels), -1, 4)
    shown = (labels < spec["classes"]).nonzero()[:, 0]
    goals = encode(torch.cat(boxes)[shown], met[shown], spec["roi"]["coderWeights"])
    losses = {
        "loss_rpn_cls": rpn_cls,
        "loss_rpn_loc": rpn_loc,
        "loss_cls": F.cross_entropy(net.cls(mean), labels),
        "loss_box_reg": (moves[shown, labels[shown]] - goals).abs().sum() / len(labels),
    }
    if "mask" in spec:
        logits = net.predictor(F.relu(net.deconv(seen[shown])))
        side = logits.shape[-1]
        pictures = torch.cat([torch.full((len(one[0]),), i) for i, one in enumerate(found)])
        places = torch.cat([one[3] for one in found])
        flat = torch.cat(boxes)
        targets = [filled(given, int(pictures[k]), int(places[k]), flat[k], side) for k in shown.tolist()]
        own = logits[torch.arange(len(shown)), labels[shown]]
        losses["loss_mask"] = (
            F.binary_cross_entropy_with_logits(own, torch.stack(targets)) if targets else 0 * logits.sum()
        )
    return losses, alike


def optimizer_of(net, spec, rate):
    if spec["kind"] != "sgd" or [rule["match"] for rule in spec["rules"]] != [r"\.norm\."]:
        raise SystemExit(f"this script knows the recipes' optimizer alone: {spec}")
    norms = [p for m in net.modules() if isinstance(m, nn.BatchNorm2d) for p in m.parameters()]
    known = {id(p) for p in norms}
    others = [p for p in net.parameters() if id(p) not in known]
    groups = [{"params": others}, {"params": norms, "weight_decay": spec["rules"][0]["weightDecay"]}]
    return torch.optim.SGD(groups, lr=rate, momentum=spec["momentum"], weight_decay=spec["weightDecay"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trace", required=True, type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--double", action="store_true", help="in float64: what float32 itself is apart from")
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    trace = json.loads((given.trace / "trace.json").read_text())
    experiment = trace["experiment"]
    backbone, spec = experiment["backbone"], experiment["method"]
    if backbone["strideIn"] != "3x3" or spec["channels"] != "rgb":
        raise SystemExit("this script knows the recipes for weights of PyTorch alone")
    net = Detector(spec, backbone["depth"], backbone["width"]).train()
    net.start(load_file(given.trace / "initial.safetensors"))
    if given.double:
        net.double()
    optimizer = optimizer_of(net, experiment["optimizer"], trace["rates"][0])
    worst = (0.0, "")
    for step, (rate, ours) in enumerate(zip(trace["rates"], trace["losses"])):
        batch = load_file(given.trace / f"step_{step:06d}.safetensors")
        if given.double:
            batch = {name: value.double() if value.is_floating_point() else value for name, value in batch.items()}
        losses, alike = losses_of(net, batch)
        total = sum(losses.values())
        optimizer.zero_grad()
        total.backward()
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        theirs = {name: value.item() for name, value in losses.items()} | {"loss": total.item()}
        if set(ours) != set(theirs):
            raise SystemExit(f"ours are {sorted(ours)}, here are {sorted(theirs)}")
        apart = {name: abs(theirs[name] - ours[name]) / max(1, abs(ours[name])) for name in sorted(ours)}
        print(json.dumps({"step": step, "ours": ours, "theirs": theirs, "apart": apart, "alike": alike}), flush=True)
        worst = max(worst, *((value, f"{name} of step {step}") for name, value in apart.items()))
    print(json.dumps({"steps": len(trace["losses"]), "worst": worst[0], "at": worst[1]}))


if __name__ == "__main__":
    main()
