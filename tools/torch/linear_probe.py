"""The linear protocols in PyTorch on frozen weights: the same start, the same images in the same order.

    npx zx scripts/probe_trace.mjs linear_last WEIGHTS --data DATA --out TRACE
    python tools/torch/linear_probe.py --trace TRACE --data DATA

Reads the official binary files of CIFAR-10, computes the features of each image once (the protocol's `cache`), trains
the heads with torch.optim.SGD. Prints JSON lines: {"epoch", "loss", "head0_top1", ...}, as a record of ours has them.
"""
import argparse
import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

from networks import ResNet

SIDES = (12, 6, 4, 3, 2)  # of pooled maps, the stem first


def read_cifar(folder, names):
    raw = np.concatenate([np.fromfile(folder / name, np.uint8) for name in names]).reshape(-1, 3073)
    return torch.from_numpy(raw[:, 1:].reshape(-1, 3, 32, 32)), torch.from_numpy(raw[:, 0]).long()


class Levels(nn.Module):
    """All levels of a frozen backbone: the stem before its pool, then the stages."""

    def __init__(self, spec, state):
        super().__init__()
        self.net = ResNet(spec["depth"], spec["width"], spec["stem"])
        own = {n[len("backbone.") :]: v for n, v in state.items() if n.startswith("backbone.")}
        self.net.load_state_dict(own)
        self.eval()

    def forward(self, x):
        net = self.net
        x = net.bn1(net.conv1(x)).relu()
        levels = [x]
        x = net.pool(x)
        for stage in (net.layer1, net.layer2, net.layer3, net.layer4):
            x = stage(x.clone())  # blocks add in place
            levels.append(x)
        return levels


class Multi(nn.Module):
    """One head a level: batch norm without scale and shift, all values, one linear layer."""

    def __init__(self, method, maps, state):
        super().__init__()
        classes, momentum = method["classes"], method["normMomentum"]
        self.norms = nn.ModuleList(nn.BatchNorm2d(m.shape[1], affine=False, momentum=momentum) for m in maps)
        self.fcs = nn.ModuleList(nn.Linear(m[0].numel(), classes) for m in maps)
        self.load_state_dict({n[len("head.") :]: v for n, v in state.items() if n.startswith("head.")})

    def forward(self, maps):
        return [fc(norm(m).flatten(1)) for norm, fc, m in zip(self.norms, self.fcs, maps)]


class Last(nn.Module):
    """One linear layer on the mean over pixels."""

    def __init__(self, method, maps, state):
        super().__init__()
        self.fc_cls = nn.Linear(maps[0].shape[1], method["classes"])
        self.load_state_dict({n[len("head.") :]: v for n, v in state.items() if n.startswith("head.")})

    def forward(self, maps):
        return [self.fc_cls(maps[0].flatten(1))]


def pooled(levels, kind):
    if kind == "linear_last":
        return [F.adaptive_avg_pool2d(levels[-1], 1)]
    return [F.adaptive_avg_pool2d(level, side) for level, side in zip(levels, SIDES)]


@torch.no_grad()
def features(net, kind, images, mean, std):
    found = []
    for part in images.split(200):
        x = (part.float() / 255 - mean) / std
        found.append(pooled(net(x), kind))
    return [torch.cat(maps) for maps in zip(*found)]


@torch.no_grad()
def judged(head, maps, labels):
    head.eval()
    found = {}
    for i, logits in enumerate(head(maps)):
        top = logits.topk(5, 1).indices == labels[:, None]
        found[f"head{i}_top1"] = 100 * top[:, 0].float().mean().item()
        found[f"head{i}_top5"] = 100 * top.any(1).float().mean().item()
    head.train()
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--trace", type=pathlib.Path, required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    options = parser.parse_args()
    trace = json.loads((options.trace / "probe.json").read_text())
    state = load_file(options.trace / "probe.safetensors")
    experiment = trace["experiment"]
    method, data, optimizer = experiment["method"], experiment["data"], experiment["optimizer"]
    if "cache" not in method or data["size"] != 32 or data["train"]["kind"] != "cifar10":
        raise ValueError("expected a run on CIFAR-10 with features that are computed once")
    folder = options.data / data["train"]["root"]
    trains = sorted(p.name for p in folder.glob("data_batch_*.bin"))
    train, labels = read_cifar(folder, trains)
    test, truth = read_cifar(folder, ["test_batch.bin"])
    mean, std = (torch.tensor(data[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    net = Levels(experiment["backbone"], state)
    known = features(net, method["kind"], train, mean, std)
    asked = features(net, method["kind"], test, mean, std)
    head = {"linear_multi": Multi, "linear_last": Last}[method["kind"]](method, known, state)
    sgd = torch.optim.SGD(
        head.parameters(),
        lr=optimizer["lr"],
        momentum=optimizer["momentum"],
        weight_decay=optimizer["weightDecay"],
        nesterov=optimizer["nesterov"],
    )
    order, each = state["order"].long(), trace["stepsPerEpoch"]
    print(json.dumps({"epoch": 0, **judged(head, asked, truth)}), flush=True)
    for epoch in range(experiment["epochs"]):
        total = 0.0
        for step in range(epoch * each, (epoch + 1) * each):
            for group in sgd.param_groups:
                group["lr"] = trace["lr"][step]
            own = order[step]
            losses = [F.cross_entropy(z, labels[own]) for z in head([m[own] for m in known])]
            sgd.zero_grad()
            sum(losses).backward()
            sgd.step()
            total += sum(losses).item()
        print(json.dumps({"epoch": epoch + 1, "loss": total / each, **judged(head, asked, truth)}), flush=True)


main()
