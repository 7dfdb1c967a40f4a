"""Write a parity case of accumulated gradients: BYOL, an update every second of four iterations.

    python tools/torch/accumulation_fixture.py --out golden/parity

The format is that of the reference's cases, but the numbers are ours: PyTorch's ResNet, autograd and SGD, with the
original's two hooks written out in `iterations` (docs/reference/methods.md, sections 3.5 and 12). Every tensor is a
pure function of this file and of the PyTorch version, which the description names. `noise` is the distance of the same run in float64.
"""
import argparse
import copy
import json
import math
import pathlib

import torch
import torch.nn.functional as F
from networks import ResNet
from safetensors.torch import save_file
from torch import nn

NAME, SEED = "byol_accumulate", 2  # of the seeds tried, one whose gradients are well conditioned
WIDTH, HIDDEN, DIM, BATCH, SIZE = 2, 8, 8, 8, 32
STEPS, INTERVAL, ITERATIONS, MOMENTUM = 4, 2, 20, 0.9
SGD = {"lr": 0.05, "weight_decay": 1e-4, "momentum": 0.9}
# In front of a batch norm, or of a layer that is: rounding alone.
ZERO = ["online_net.1.mlp.0.bias", "online_net.1.mlp.3.bias", "head.predictor.mlp.0.bias"]
# Kept of an iteration without an update: what must have moved, and some of what must not.
BETWEEN = ["running_", "num_batches", "net.0.conv1.weight", "bn2", "mlp"]
RELATIVE = {"loss": 1e-4, "out": 1e-4, "grad": 1e-3, "state": 1e-4}


class Neck(nn.Module):
    """Average over pixels where there are any, fc, batch norm, ReLU, fc."""

    def __init__(self, inputs):
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(inputs, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, DIM)
        )

    def forward(self, x):
        return self.mlp(x.mean((2, 3)) if x.dim() == 4 else x)


class Byol(nn.Module):
    def __init__(self):
        super().__init__()
        backbone = ResNet(18, WIDTH / 64)
        self.online_net = nn.Sequential(backbone, Neck(backbone.channels))
        self.target_net = copy.deepcopy(self.online_net).requires_grad_(False)
        self.head = nn.ModuleDict({"predictor": Neck(DIM)})

    def forward(self, images):
        o1, o2 = (self.online_net(images[:, view]) for view in (0, 1))
        with torch.no_grad():
            t1, t2 = (self.target_net(images[:, view]) for view in (0, 1))
        predict = self.head["predictor"]
        return distance(predict(o1), t2) + distance(predict(o2), t1)


def distance(prediction, target):
    return -2 * F.cosine_similarity(prediction, target, dim=1).mean()


def initial():
    """Perturbed norms and biases, short residual branches: well conditioned, and no two alike."""
    torch.manual_seed(SEED)
    model = Byol()
    with torch.no_grad():
        for name, value in model.online_net.named_parameters():
            if value.dim() == 1:
                value += 0.2 * torch.randn(value.shape)
            if name.endswith("bn2.weight"):
                value *= 0.3
        model.target_net.load_state_dict(model.online_net.state_dict())
        for value in model.target_net.parameters():
            value *= 1 + 0.05 * torch.randn(value.shape)
    return model, torch.randn(STEPS, BATCH, 2, 3, SIZE, SIZE)


def iterations(model, images):
    """Trains, and yields the loss, gradients and state of every iteration."""
    optimizer = torch.optim.SGD(
        [p for p in model.parameters() if p.requires_grad],
        **SGD,
    )
    momentum = MOMENTUM
    optimizer.zero_grad()
    for t in range(STEPS):
        due = (t + 1) % INTERVAL == 0
        if due:  # BYOLHook, before the iteration
            momentum = 1 - (1 - MOMENTUM) * (math.cos(math.pi * t / ITERATIONS) + 1) / 2
        loss = model(images[t])
        (loss / INTERVAL).backward()  # DistOptimizerHook: gradients add up
        gradients = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
        if due:
            optimizer.step()
            optimizer.zero_grad()
            with torch.no_grad():  # BYOLHook, after the optimiser's
                pairs = zip(model.target_net.parameters(), model.online_net.parameters())
                for target, online in pairs:
                    target.copy_(target * momentum + online * (1 - momentum))
        yield loss.detach(), gradients, copy.deepcopy(model.state_dict()), momentum


def record(model, images):
    tensors = {}

    def keep(name, value):
        tensors[name] = value.detach().reshape(value.shape or (1,)).clone()

    for name, value in model.state_dict().items():
        keep(f"init.{name}", value)
    keep("init.momentum", torch.tensor(MOMENTUM, dtype=torch.float64))
    for t, (loss, gradients, state, momentum) in enumerate(iterations(model, images), 1):
        keep(f"in.step{t}.img", images[t - 1])
        keep(f"step{t}.out.loss", loss)
        for kind, values in (("grad", gradients), ("state", state)):
            for name, value in values.items():
                if t % INTERVAL == 0 or any(part in name for part in BETWEEN):
                    keep(f"step{t}.{kind}.{name}", value)
        keep(f"step{t}.state.momentum", torch.tensor(momentum, dtype=torch.float64))
    return tensors


def noise(single, double):
    worst = dict.fromkeys(RELATIVE, 0.0)
    for name, value in single.items():
        group = name.split(".")[1]
        parameter = name.split(".", 2)[-1]
        if not name.startswith("step") or parameter in ZERO or not value.is_floating_point():
            continue
        group = "loss" if parameter == "loss" else group
        gap = (value.double() - double[name].double()).abs().max() / double[name].abs().max()
        worst[group] = max(worst[group], float(gap))
    return {group: float(f"{value:.2g}") for group, value in worst.items()}


def description(tensors, double):
    backbone = {"type": "NarrowResNet", "base_width": WIDTH, "depth": 18, "in_channels": 3}
    neck = {"type": "NonLinearNeckV2", "in_channels": 8 * WIDTH}
    sizes = {"hid_channels": HIDDEN, "out_channels": DIM}
    predictor = {"type": "NonLinearNeckV2", "in_channels": DIM, **sizes, "with_avg_pool": False}
    return {
        "case": NAME,
        "method": "byol",
        "reference": {"script": "tools/torch/accumulation_fixture.py"},
        "hyper_parameters": {
            **{"depth": 18, "width": WIDTH, "batch": BATCH, "size": SIZE, "neck": "V2"},
            **{"hid": HIDDEN, "dim": DIM, "base_momentum": MOMENTUM, "max_iters": ITERATIONS},
            **{"steps": STEPS, "update_interval": INTERVAL, "optimizer": {"type": "SGD", **SGD}},
        },
        "model": {
            **{"type": "BYOL", "base_momentum": MOMENTUM},
            "backbone": {**backbone, "out_indices": [4], "norm_cfg": {"type": "BN"}},
            "neck": {**neck, **sizes},
            "head": {"type": "LatentPredictHead", "size_average": True, "predictor": predictor},
        },
        "tolerances": {
            group: {"kind": "relative" if group == "loss" else "relative_to_max", "value": value}
            for group, value in RELATIVE.items()
        },
        "noise": noise(tensors, double),
        "gradients_zero_in_exact_arithmetic": ZERO,
        "notes": [
            "made by our own script with PyTorch, not by the reference's code",
            "grad: what parameters hold after the backward pass, the sum of loss / update_interval so far",
        ],
        "versions": {"torch": torch.__version__},
        "tensors": {
            name: {
                "role": "input" if name.startswith(("in.", "init.")) else "expected",
                "dtype": str(value.dtype).removeprefix("torch."),
                "shape": list(value.shape),
            }
            for name, value in tensors.items()
        },
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    out = parser.parse_args().out
    torch.use_deterministic_algorithms(True)
    model, images = initial()
    double = record(copy.deepcopy(model).double(), images.double())
    tensors = record(model, images)
    save_file(tensors, out / f"{NAME}.safetensors")
    text = json.dumps(description(tensors, double), indent=1)
    (out / f"{NAME}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
