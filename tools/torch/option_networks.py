"""The original's backbones and necks with all of their options, in plain PyTorch, with its parameter names."""
import math

from torch import nn
from torch.utils.checkpoint import checkpoint

STAGES = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}


def norm(config, channels):
    """A norm by its config. SyncBN on one process is BN."""
    config = dict(config)
    kind, learns = config.pop("type"), config.pop("requires_grad", True)
    config.setdefault("eps", 1e-5)
    made = (
        nn.GroupNorm(num_channels=channels, **config)
        if kind == "GN"
        else nn.BatchNorm2d(channels, **config)
    )
    return made.requires_grad_(learns)


class Block(nn.Module):
    """Basic block (the first 3x3 has stride and dilation) or bottleneck (the 3x3 has the dilation)."""

    def __init__(self, config, inputs, planes, stride, dilation):
        super().__init__()
        bottleneck = config["depth"] >= 50
        self.recomputes = config.get("with_cp", False)
        outputs = planes * (4 if bottleneck else 1)
        groups, width = config.get("groups", 1), planes
        if groups > 1:
            width = math.floor(planes * (config["group_width"] / 64)) * groups
        caffe = config.get("style") == "caffe"
        wide = {"kernel_size": 3, "bias": False}
        spread = {"padding": dilation, "dilation": dilation}
        if bottleneck:
            convolutions = [
                nn.Conv2d(inputs, width, 1, stride if caffe else 1, bias=False),
                nn.Conv2d(
                    width, width, stride=1 if caffe else stride, groups=groups, **spread, **wide
                ),
                nn.Conv2d(width, outputs, 1, bias=False),
            ]
        else:
            convolutions = [
                nn.Conv2d(inputs, planes, stride=stride, **spread, **wide),
                nn.Conv2d(planes, planes, padding=1, **wide),
            ]
        self.count = len(convolutions)
        self.name = "gn" if config["norm_cfg"]["type"] == "GN" else "bn"
        for i, convolution in enumerate(convolutions, 1):
            self.add_module(f"conv{i}", convolution)
            self.add_module(f"{self.name}{i}", norm(config["norm_cfg"], convolution.out_channels))
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), norm(config["norm_cfg"], outputs)
            )

    def last_norm(self):
        return getattr(self, f"{self.name}{self.count}")

    def sum(self, x):
        y = x
        for i in range(1, self.count + 1):
            y = getattr(self, f"{self.name}{i}")(getattr(self, f"conv{i}")(y))
            if i < self.count:
                y = y.relu()
        return y + (x if self.downsample is None else self.downsample(x))

    def forward(self, x):
        if self.recomputes and x.requires_grad:
            return checkpoint(self.sum, x, use_reentrant=False).relu()
        return self.sum(x).relu()


class Backbone(nn.Module):
    """[N, C, H, W] -> the one level of `out_indices`: 0 the stem before its pool, n stage n."""

    def __init__(self, config):
        super().__init__()
        config = {"norm_cfg": {"type": "BN"}, **config}
        self.config, self.channels = config, config.get("in_channels", 3)
        base, stages = config["base_width"], config["num_stages"]
        (self.level,) = config["out_indices"]
        self.conv1 = nn.Conv2d(self.channels, base, 7, 2, 3, bias=False)
        self.name = "gn1" if config["norm_cfg"]["type"] == "GN" else "bn1"
        self.add_module(self.name, norm(config["norm_cfg"], base))
        inputs, self.layers = base, [f"layer{s + 1}" for s in range(stages)]
        for s, layer in enumerate(self.layers):
            planes, blocks = base * 2**s, []
            for i in range(STAGES[config["depth"]][s]):
                stride = config["strides"][s] if i == 0 else 1
                blocks.append(Block(config, inputs, planes, stride, config["dilations"][s]))
                inputs = planes * (4 if config["depth"] >= 50 else 1)
            self.add_module(layer, nn.Sequential(*blocks))

    def blocks(self):
        return [module for module in self.modules() if isinstance(module, Block)]

    def frozen(self):
        count = self.config.get("frozen_stages", -1)
        stem = [self.conv1, getattr(self, self.name)] if count >= 0 else []
        return stem + [getattr(self, layer) for layer in self.layers[: max(count, 0)]]

    def freeze(self):
        for module in self.frozen():
            module.requires_grad_(False)

    def train(self, mode=True):
        super().train(mode)
        for module in self.frozen():
            module.eval()
        if self.config.get("norm_eval", False):
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self

    def forward(self, x):
        x = getattr(self, self.name)(self.conv1(x)).relu()
        levels = [x]
        x = nn.functional.max_pool2d(x, 3, 2, 1)
        for layer in self.layers:
            x = getattr(self, layer)(x)
            levels.append(x)
        return levels[self.level]


class Neck(nn.Module):
    """The original's necks without dropout: [N, C, H, W] -> [N, D]."""

    def __init__(self, config):
        super().__init__()
        self.pooled, kind = config["with_avg_pool"], config["type"]
        inputs, outputs = config["in_channels"], config["out_channels"]
        hidden = config.get("hid_channels")
        if kind == "LinearNeck":
            self.fc = nn.Linear(inputs, outputs)
            self.steps = [("fc",)]
        elif kind in ("NonLinearNeckV1", "NonLinearNeckV2"):
            norms = [nn.BatchNorm1d(hidden)] if kind.endswith("V2") else []
            first, last = nn.Linear(inputs, hidden), nn.Linear(hidden, outputs)
            self.mlp = nn.Sequential(first, *norms, nn.ReLU(), last)
            self.steps = [("mlp",)]
        else:
            self.steps = self.numbered(config, inputs, hidden, outputs)

    def numbered(self, config, inputs, hidden, outputs):
        count, steps = config["num_layers"], []
        for i in range(count):
            width = outputs if i == count - 1 and i > 0 else hidden
            normed = i == 0 or i < count - 1 or config["with_last_bn"]
            fc = nn.Linear(inputs if i == 0 else hidden, width, bias=config["with_bias"])
            self.add_module(f"fc{i}", fc)
            if normed:
                self.add_module(f"bn{i}", nn.BatchNorm1d(width))
            steps.append((f"fc{i}", f"bn{i}") if normed else (f"fc{i}",))
        return steps

    def forward(self, x):
        x = x.mean((2, 3)) if self.pooled else x.flatten(1)
        for i, names in enumerate(self.steps):
            x = x.relu() if i > 0 else x
            for name in names:
                x = getattr(self, name)(x)
        return x
