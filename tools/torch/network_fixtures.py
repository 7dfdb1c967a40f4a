"""Write parity cases of backbones and necks with options that the reference's own cases leave alone.

    python tools/torch/network_fixtures.py --out golden/parity
    python tools/torch/network_fixtures.py --random 40 --seed 1 --out DIR

The first writes the cases of `CASES`, the second as many with options drawn at random. The format is that of the
reference's cases, but the numbers are ours: the networks are written in plain PyTorch from their definitions
(`option_networks.py`), with autograd and SGD. `noise` is the distance to the same run in float64, and of that to runs whose
initial weights are moved by 1e-6 of their size; of several seeds one is taken for which that is small.
"""
import argparse
import copy
import json
import pathlib
import random
import re

import torch
import torch.nn.functional as F
from option_networks import Backbone, Neck
from safetensors.torch import save
from torch import nn

SGD = {"lr": 0.05, "weight_decay": 1e-3, "momentum": 0.9}
BOUNDS = {"loss": 1e-4, "out": 1e-4, "grad": 1e-3, "state": 1e-4}
CLASSES, TEMPERATURE = 3, 0.5
TRIES, QUIET = 12, 2e-4
SMALL = {"steps": 1, "batch": 3, "size": 16}
BOTTLENECK = {"type": "NarrowResNet", "base_width": 2, "depth": 50, "num_stages": 1}
BASIC = {"type": "NarrowResNet", "base_width": 2, "depth": 18, "in_channels": 1}
CASES = {
    "backbone_caffe_gn": {
        **SMALL,
        "backbone": {
            **{**BOTTLENECK, "base_width": 4, "strides": [2], "dilations": [2], "out_indices": [1]},
            **{"style": "caffe", "norm_cfg": {"type": "GN", "num_groups": 2, "eps": 1e-3}},
            "in_channels": 1,
        },
    },
    "backbone_resnext_cp": {
        **SMALL,
        "backbone": {
            **{**BOTTLENECK, "type": "NarrowResNeXt", "groups": 4, "group_width": 32},
            **{"strides": [1], "dilations": [1], "out_indices": [1], "with_cp": True},
            "in_channels": 2,
        },
    },
    "neck_unpooled": {
        **SMALL,
        "backbone": {
            **{**BASIC, "num_stages": 2, "strides": [2, 1], "dilations": [1, 2]},
            **{"out_indices": [1], "zero_init_residual": True},
            "norm_cfg": {"type": "BN", "momentum": 0.3, "requires_grad": False},
        },
        "neck": {
            **{"type": "NonLinearNeckSimCLR", "hid_channels": 6, "out_channels": 5, "num_layers": 3},
            **{"sync_bn": False, "with_bias": True, "with_last_bn": False, "with_avg_pool": False},
        },
    },
}


class Classifier(nn.Module):
    """Classification, or SimCLR where the case has a neck."""

    def __init__(self, case):
        super().__init__()
        self.backbone = Backbone(case["backbone"])
        probe = copy.deepcopy(self.backbone).eval()
        with torch.no_grad():
            shape = probe(torch.zeros(1, self.backbone.channels, case["size"], case["size"])).shape
        if "neck" in case:
            pooled = case["neck"]["with_avg_pool"]
            case["neck"]["in_channels"] = shape[1] if pooled else shape[1] * shape[2] * shape[3]
            self.neck = Neck(case["neck"])
        else:
            case["in_channels"] = shape[1]
            self.head = nn.ModuleDict({"fc_cls": nn.Linear(shape[1], CLASSES)})

    def forward(self, images, labels):
        if labels is None:
            features = self.backbone(images.flatten(0, 1))  # views of an image one after another
            z = self.neck(features)
            return contrast(z), {"backbone": features, "neck": z}
        features = self.backbone(images)
        logits = self.head["fc_cls"](features.mean((2, 3)))
        return F.cross_entropy(logits, labels), {"backbone": features, "head": logits}


def contrast(z):
    """NT-Xent over 2 N rows, partners side by side."""
    unit = F.normalize(z)
    similarity = unit @ unit.T / TEMPERATURE
    similarity = similarity.masked_fill(torch.eye(len(z), dtype=torch.bool), float("-inf"))
    return F.cross_entropy(similarity, torch.arange(len(z)) ^ 1)


def initial(case, seed):
    torch.manual_seed(seed)
    model = Classifier(case)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.dim() == 1:
                value += 0.2 * torch.randn(value.shape)
        for name, value in model.named_buffers():
            if value.is_floating_point():
                value += 0.2 * torch.rand(value.shape)
        for block in model.backbone.blocks():
            for value in block.last_norm().parameters():
                value *= 0.3
    model.backbone.freeze()
    views = () if "head" in dict(model.named_children()) else (2,)
    channels, size = model.backbone.channels, case["size"]
    images = torch.randn(case["steps"], case["batch"], *views, channels, size, size)
    labels = torch.randint(0, CLASSES, (case["steps"], case["batch"]))
    return model, images, None if views else labels


def record(model, images, labels):
    tensors, double = {}, next(model.parameters()).dtype
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], **SGD)

    def keep(name, value):
        tensors[name] = value.detach().reshape(value.shape or (1,)).clone().contiguous()

    for name, value in model.state_dict().items():
        keep(f"init.{name}", value)
    for step in range(1, len(images) + 1):
        model.train()
        own = None if labels is None else labels[step - 1]
        keep(f"in.step{step}.img", images[step - 1])
        if own is not None:
            keep(f"in.step{step}.gt_label", own)
        before = copy.deepcopy(model.state_dict())
        optimizer.zero_grad()
        loss, outputs = model(images[step - 1].to(double), own)
        loss.backward()
        optimizer.step()
        for name, value in {"loss": loss, **outputs}.items():
            keep(f"step{step}.out.{name}", value)
        for name, value in model.named_parameters():
            if value.grad is not None:
                keep(f"step{step}.grad.{name}", value.grad)
        for name, value in model.state_dict().items():
            # What must not move is worth as much as what moves; an update follows from its gradient.
            if step > 1 or not name.endswith(("weight", "bias")) or torch.equal(value, before[name]):
                keep(f"step{step}.state.{name}", value)
    return tensors


def measured(tensors, others):
    """The largest distance of what steps gave to other runs, by kind, and the gradients that are rounding alone."""
    noise, zero = dict.fromkeys(BOUNDS, 0.0), set()
    for n, value in tensors.items():
        given = re.fullmatch(r"(?:rank\d+\.)?step\d+\.(\w+)\.(.*)", n)
        if given is None or not value.is_floating_point():
            continue
        kind, rest = given.groups()
        group = "loss" if (kind, rest) == ("out", "loss") else kind
        size = others[0][n].abs().max()
        if group == "grad" and size < 1e-10:
            zero.add(rest)
            continue
        gap = max(float((value.double() - other[n]).abs().max() / size) for other in others)
        noise[group] = max(noise[group], gap)
    return noise, sorted(zero)


def jittered(model):
    moved = copy.deepcopy(model)
    with torch.no_grad():
        for value in moved.parameters():
            value *= 1 + 1e-6 * torch.randn(value.shape)
    return moved


def quietest(seed, run):
    """The tensors of a seed whose noise is small, or the smallest of those tried: `run` gives them and other runs'."""
    best = None
    for attempt in range(TRIES):
        tensors, others = run(100 * seed + attempt)
        noise, zero = measured(tensors, others)
        if best is None or noise["grad"] < best[1]["grad"]:
            best = tensors, noise, zero
        if noise["grad"] < QUIET:
            break
    return best


def conditioned(name, case, seed):
    def run(attempt):
        model, images, labels = initial(case, attempt)
        double = model.double()
        runs = [copy.deepcopy(double), jittered(double), jittered(double)]
        others = [record(run, images.double(), labels) for run in runs]
        return record(double.float(), images, labels), others

    tensors, noise, zero = quietest(seed, run)
    return tensors, description(name, case, tensors, noise, zero)


def description(name, case, tensors, noise, zero):
    expected = [n for n in tensors if n.startswith("step")]
    contrasts = "neck" in case
    backbone = case["backbone"]
    model = {"type": "SimCLR" if contrasts else "Classification", "backbone": backbone}
    sizes = {"depth": backbone["depth"], "width": backbone["base_width"]}
    parameters = {**sizes, **{k: case[k] for k in ("batch", "size", "steps")}}
    if contrasts:
        neck = case["neck"]
        model["neck"] = neck
        model["head"] = {"type": "ContrastiveHead", "temperature": TEMPERATURE}
        parameters |= {"dim": neck["out_channels"], "temperature": TEMPERATURE}
        parameters |= {"hid": neck.get("hid_channels", 1)}
        if "num_layers" in neck:
            parameters |= {k: neck[k] for k in ("num_layers", "with_bias", "with_last_bn")}
    else:
        head = {"in_channels": case["in_channels"], "num_classes": CLASSES}
        model["head"] = {"type": "ClsHead", "with_avg_pool": True, **head}
        parameters["classes"] = CLASSES
    return {
        "case": name,
        "method": "simclr" if contrasts else "classification",
        "reference": {"script": "tools/torch/network_fixtures.py"},
        "hyper_parameters": {**parameters, "optimizer": {"type": "SGD", **SGD}},
        "model": model,
        "tolerances": {
            kind: {
                "kind": "relative" if kind == "loss" else "relative_to_max",
                "value": max(bound, float(f"{5 * noise[kind]:.2g}")),
            }
            for kind, bound in BOUNDS.items()
        },
        "noise": {kind: float(f"{value:.2g}") for kind, value in noise.items()},
        "gradients_zero_in_exact_arithmetic": zero,
        "notes": ["made by our own script with PyTorch, not by the reference's code"],
        "versions": {"torch": torch.__version__},
        "tensors": table(tensors, expected),
    }


def table(tensors, expected):
    return {
        n: {
            "role": "expected" if n in expected else "input",
            "dtype": str(value.dtype).removeprefix("torch."),
            "shape": list(value.shape),
        }
        for n, value in tensors.items()
    }


def drawn(pick):
    """A case with options at random, small enough to be run in a second."""
    depth = pick.choice([18, 34, 50])
    stages = pick.randint(1, 4)
    backbone = {
        **{"type": "NarrowResNet", "base_width": pick.choice([2, 4]), "depth": depth},
        **{"in_channels": pick.choice([1, 2, 3]), "num_stages": stages},
        "strides": [pick.choice([1, 1, 2]) for _ in range(stages)],
        "dilations": [pick.choice([1, 1, 2, 3]) for _ in range(stages)],
        "out_indices": [pick.choice([stages, stages, pick.randint(0, stages)])],
        **{"style": pick.choice(["pytorch", "caffe"]), "norm_eval": pick.random() < 0.2},
        **{"frozen_stages": pick.choice([-1, -1, pick.randint(-1, stages - 1)])},
        "zero_init_residual": pick.random() < 0.2,
    }
    kind = pick.choice(["BN", "BN", "SyncBN", "GN"])
    norm = {"type": kind}
    if kind == "GN":
        norm["num_groups"] = pick.choice([1, 2])
    elif pick.random() < 0.3:
        norm["momentum"] = 0.03
    for key, value in {"eps": 1e-2, "affine": False, "requires_grad": pick.random() < 0.5}.items():
        if pick.random() < 0.2:
            norm[key] = value
    backbone["norm_cfg"] = norm
    if depth == 50:
        backbone["with_cp"] = pick.random() < 0.3
        if pick.random() < 0.4:
            backbone |= {"type": "NarrowResNeXt", "groups": pick.choice([2, 4, 8]), "group_width": 32}
    case = {"steps": 2, "batch": 4, "size": pick.choice([32, 40]), "backbone": backbone}
    if pick.random() < 0.4:
        kind = pick.choice(["LinearNeck", "NonLinearNeckV1", "NonLinearNeckV2", "NonLinearNeckSimCLR"])
        case["neck"] = {"type": kind, "out_channels": 5, "with_avg_pool": pick.random() < 0.5}
        if kind != "LinearNeck":
            case["neck"]["hid_channels"] = 6
        if kind == "NonLinearNeckSimCLR":
            case["neck"] |= {"num_layers": pick.randint(1, 4), "sync_bn": pick.random() < 0.5}
            case["neck"] |= {k: pick.random() < 0.5 for k in ("with_bias", "with_last_bn")}
    return case


def write(description, cases, drawn, make, prefix):
    """The command line of a script of fixtures: writes its cases, or as many drawn at random."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--random", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    pick = random.Random(args.seed)
    many = {f"{prefix}_{args.seed}_{i:03}": drawn(pick) for i in range(args.random)}
    args.out.mkdir(parents=True, exist_ok=True)
    for number, (name, case) in enumerate((many or cases).items()):
        tensors, described = make(name, case, args.seed + number)
        (args.out / f"{name}.safetensors").write_bytes(save(tensors))
        text = json.dumps(described, separators=(",", ":"))
        (args.out / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    write(__doc__, CASES, drawn, conditioned, "drawn")
