"""Write parity cases of heads with the options that the reference's own cases lack.

    python tools/torch/head_fixtures.py --out golden/parity

BYOL with summed losses and with LatentClsHead, a classifier on the edges of an image whose map is not pooled. The format is
that of the reference's cases, but the numbers are ours: PyTorch's layers, autograd and optimizers, with the heads as
docs/reference/methods.md, section 1.3, has them. Every tensor is a pure function of this file and of the PyTorch version.
`noise` is the distance of the same run in float64.
"""
import argparse
import copy
import json
import math
import pathlib

import torch
import torch.nn.functional as F
from networks import ResNet, convolution
from safetensors.torch import save_file
from torch import nn

WIDTH, HIDDEN, DIM, CLASSES, STEPS, ITERATIONS = 2, 8, 8, 5, 2, 10
RELATIVE = {"loss": 1e-4, "out": 1e-4, "grad": 1e-3, "state": 1e-4}
# What is kept of gradients and of the state after a step: a selection.
KEPT = ["head", "net.1", "0.conv1", "backbone.conv1", "backbone.bn1", "layer1.0", "layer3.1.bn"]


def neck(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, outputs))


class Neck(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.mlp = neck(inputs, DIM)

    def forward(self, x):
        return self.mlp(x.mean((2, 3)) if x.dim() == 4 else x)


class Byol(nn.Module):
    size, views, momentum = 16, 2, 0.9

    def __init__(self, head):
        super().__init__()
        backbone = ResNet(18, WIDTH / 64)
        self.online_net = nn.Sequential(backbone, Neck(backbone.channels))
        self.target_net = copy.deepcopy(self.online_net).requires_grad_(False)
        classes = head["type"] == "LatentClsHead"
        predictor = nn.Linear(DIM, CLASSES) if classes else Neck(DIM)
        self.head = nn.ModuleDict({"predictor": predictor})
        self.towards = self.classified if classes else self.predicted
        self.averaged = head.get("size_average", True)

    def predicted(self, online, target):
        cosines = F.cosine_similarity(self.head["predictor"](online), target, dim=1)
        return -2 * (cosines.mean() if self.averaged else cosines.sum())

    def classified(self, online, target):
        predictor = self.head["predictor"]
        with torch.no_grad():
            label = predictor(target).argmax(dim=1)
        return F.cross_entropy(predictor(online), label)

    def forward(self, images, _):
        o1, o2 = (self.online_net(images[:, view]) for view in (0, 1))
        with torch.no_grad():
            t1, t2 = (self.target_net(images[:, view]) for view in (0, 1))
        return self.towards(o1, t2) + self.towards(o2, t1)

    @torch.no_grad()
    def follow(self, step):
        keep = 1 - (1 - self.momentum) * (math.cos(math.pi * step / ITERATIONS) + 1) / 2
        for target, online in zip(self.target_net.parameters(), self.online_net.parameters()):
            target.copy_(target * keep + online * (1 - keep))
        return {"momentum": torch.tensor([keep], dtype=torch.float64)}


class Edges(nn.Module):
    """The reference's Sobel layer: grey, then two filters; nothing in it learns."""

    def __init__(self):
        super().__init__()
        grey = nn.Conv2d(3, 1, 1)
        sobel = nn.Conv2d(1, 2, 3, padding=1)
        with torch.no_grad():
            grey.weight.fill_(1 / 3)
            across = torch.tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])
            sobel.weight.copy_(torch.stack([across, across.T]).unsqueeze(1))
            grey.bias.zero_()
            sobel.bias.zero_()
        self.sobel = nn.Sequential(grey, sobel).requires_grad_(False)

    def forward(self, images):
        return self.sobel(images)


class Classifier(nn.Module):
    size, views = 33, 1

    def __init__(self, _):
        super().__init__()
        self.sobel_layer = Edges()
        self.backbone = ResNet(18, WIDTH / 64)
        self.backbone.conv1 = convolution(2, WIDTH, 7, 2)
        self.head = nn.ModuleDict({"fc_cls": nn.Linear(self.backbone.channels * 4, CLASSES)})

    def forward(self, images, labels):
        features = self.backbone(self.sobel_layer(images))  # [N, C, 2, 2]
        return F.cross_entropy(self.head["fc_cls"](features.flatten(1)), labels)

    def follow(self, _):
        return {}


PREDICTOR = {"type": "NonLinearNeckV2", "in_channels": DIM, "hid_channels": HIDDEN, "out_channels": DIM, "with_avg_pool": False}
SGD = {"type": "SGD", "lr": 0.05, "momentum": 0.9, "weight_decay": 1e-4}
ADAM = {"type": "Adam", "lr": 0.003, "betas": [0.9, 0.99], "eps": 1e-4}
# name: (model, head, optimizer, gradient clipping, seed)
CASES = {
    "byol_sum": (
        Byol,
        {"type": "LatentPredictHead", "size_average": False, "predictor": PREDICTOR},
        {**SGD, "lr": 0.01, "dampening": 0.25},
        {"max_norm": 5.0, "norm_type": 2},
        1,
    ),
    "byol_classes": (
        Byol,
        {"type": "LatentClsHead", "predictor": {"in_channels": DIM, "num_classes": CLASSES}},
        {**SGD, "nesterov": True},
        None,
        2,
    ),
    "classifier_flat": (
        Classifier,
        {"type": "ClsHead", "with_avg_pool": False, "in_channels": 8 * WIDTH * 4, "num_classes": CLASSES},
        ADAM,
        None,
        3,
    ),
}
BATCH = 6


def initial(kind, head, seed):
    """Perturbed norms and biases, short residual branches: well conditioned, and no two alike."""
    torch.manual_seed(seed)
    model = kind(head)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.requires_grad and value.dim() == 1:
                value += 0.2 * torch.randn(value.shape)
            if name.endswith("bn2.weight"):
                value *= 0.3
        if kind is Byol:
            model.target_net.load_state_dict(model.online_net.state_dict())
            for value in model.target_net.parameters():
                value *= 1 + 0.05 * torch.randn(value.shape)
    shape = [STEPS, BATCH, *([2] if kind.views == 2 else []), 3, kind.size, kind.size]
    return model, torch.randn(shape), torch.randint(CLASSES, [STEPS, BATCH])


def record(model, images, labels, config, clip):
    tensors = {}

    def keep(name, value):
        tensors[name] = value.detach().reshape(value.shape or (1,)).clone()

    for name, value in model.state_dict().items():
        keep(f"init.{name}", value)
    if isinstance(model, Byol):
        keep("init.momentum", torch.tensor(model.momentum, dtype=torch.float64))
    learning = [p for p in model.parameters() if p.requires_grad]
    options = {key: value for key, value in config.items() if key != "type"}
    optimizer = getattr(torch.optim, config["type"])(learning, **options)
    for step in range(STEPS):
        keep(f"in.step{step + 1}.img", images[step])
        if not isinstance(model, Byol):
            keep(f"in.step{step + 1}.gt_label", labels[step])
        optimizer.zero_grad()
        loss = model(images[step], labels[step])
        loss.backward()
        keep(f"step{step + 1}.out.loss", loss)
        for name, value in model.named_parameters():
            if value.grad is not None and any(part in name for part in KEPT):
                keep(f"step{step + 1}.grad.{name}", value.grad)
        if clip is not None:
            nn.utils.clip_grad_norm_(learning, **clip)
        optimizer.step()
        after = {**model.follow(step), **model.state_dict()}
        for name, value in after.items():
            if name == "momentum" or any(part in name for part in KEPT):
                keep(f"step{step + 1}.state.{name}", value)
    return tensors


def zero(tensors, double):
    """Parameters whose gradient is rounding alone: in front of a batch norm."""
    names = {name.split(".grad.")[1] for name in tensors if ".grad." in name}
    return sorted(n for n in names if float(double[f"step1.grad.{n}"].abs().max()) < 1e-9)


def noise(single, double, zeros):
    worst = dict.fromkeys(RELATIVE, 0.0)
    for name, value in single.items():
        _, group, parameter = (name.split(".", 2) + ["", ""])[:3]
        if not name.startswith("step") or parameter in zeros or not value.is_floating_point():
            continue
        group = "loss" if parameter == "loss" else group
        gap = (value.double() - double[name].double()).abs().max() / double[name].abs().max()
        worst[group] = max(worst[group], float(gap))
    return {group: float(f"{value:.2g}") for group, value in worst.items()}


def model_of(kind, head):
    backbone = {"type": "NarrowResNet", "base_width": WIDTH, "depth": 18, "in_channels": 3}
    backbone = {**backbone, "out_indices": [4], "norm_cfg": {"type": "BN"}}
    if kind is Classifier:
        edges = {**backbone, "in_channels": 2}
        return {"type": "Classification", "pretrained": None, "with_sobel": True, "backbone": edges, "head": head}
    projector = {"type": "NonLinearNeckV2", "in_channels": 8 * WIDTH, "hid_channels": HIDDEN, "out_channels": DIM}
    own = {"type": "BYOL", "pretrained": None, "base_momentum": Byol.momentum, "pre_conv": True}
    return {**own, "backbone": backbone, "neck": projector, "head": head}


def description(name, tensors, double):
    kind, head, config, clip, _ = CASES[name]
    zeros = zero(tensors, double)
    byol = {"base_momentum": Byol.momentum, "max_iters": ITERATIONS} if kind is Byol else {}
    sizes = {"depth": 18, "width": WIDTH, "batch": BATCH, "size": kind.size, "steps": STEPS}
    return {
        "case": name,
        "method": "byol" if kind is Byol else "classification",
        "reference": {"script": "tools/torch/head_fixtures.py"},
        "hyper_parameters": {**sizes, **byol, "optimizer": config, "optimizer_config": {"grad_clip": clip}},
        "model": model_of(kind, head),
        "tolerances": {
            group: {"kind": "relative" if group == "loss" else "relative_to_max", "value": value}
            for group, value in RELATIVE.items()
        },
        "noise": noise(tensors, double, zeros),
        "gradients_zero_in_exact_arithmetic": zeros,
        "notes": ["made by our own script with PyTorch, not by the reference's code", "grad: before it is clipped"],
        "versions": {"torch": torch.__version__},
        "tensors": {
            key: {
                "role": "input" if key.startswith(("in.", "init.")) else "expected",
                "dtype": str(value.dtype).removeprefix("torch."),
                "shape": list(value.shape),
            }
            for key, value in tensors.items()
        },
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    out = parser.parse_args().out
    torch.use_deterministic_algorithms(True)
    for name, (kind, head, config, clip, seed) in CASES.items():
        model, images, labels = initial(kind, head, seed)
        double = record(copy.deepcopy(model).double(), images.double(), labels, config, clip)
        tensors = record(model, images, labels, config, clip)
        save_file(tensors, out / f"{name}.safetensors")
        text = json.dumps(description(name, tensors, double), separators=(",", ":"))
        (out / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
