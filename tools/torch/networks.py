"""The original's ResNet and necks in PyTorch, at any width, with its parameter names."""
import torch
from torch import nn

STAGES = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}


def convolution(inputs, outputs, size, stride=1):
    return nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)


class Block(nn.Module):
    """Basic block (3x3, 3x3) or bottleneck (1x1, 3x3 with the stride, 1x1 times 4)."""

    def __init__(self, inputs, planes, stride, bottleneck):
        super().__init__()
        outputs = planes * (4 if bottleneck else 1)
        if bottleneck:
            layers = [(inputs, planes, 1, 1), (planes, planes, 3, stride), (planes, outputs, 1, 1)]
        else:
            layers = [(inputs, planes, 3, stride), (planes, planes, 3, 1)]
        self.depth = len(layers)
        for i, layer in enumerate(layers, 1):
            self.add_module(f"conv{i}", convolution(*layer))
            self.add_module(f"bn{i}", nn.BatchNorm2d(layer[1]))
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                convolution(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        y = x
        for i in range(1, self.depth + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            if i < self.depth:
                y = y.relu_()
        return y.add_(identity).relu_()  # in place as in torchvision: its fastest form


class ResNet(nn.Module):
    """[N, 3, H, W] -> the last stage [N, C, H', W']. `stem`: imagenet or cifar (3x3, no pool)."""

    def __init__(self, depth, width=1.0, stem="imagenet"):
        super().__init__()
        base, bottleneck = int(64 * width), depth >= 50
        self.conv1 = convolution(3, base, 3) if stem == "cifar" else convolution(3, base, 7, 2)
        self.bn1 = nn.BatchNorm2d(base)
        self.pool = nn.Identity() if stem == "cifar" else nn.MaxPool2d(3, 2, 1)
        inputs = base
        for stage, count in enumerate(STAGES[depth]):
            planes, blocks = base * 2**stage, []
            for i in range(count):
                stride = 2 if stage > 0 and i == 0 else 1
                blocks.append(Block(inputs, planes, stride, bottleneck))
                inputs = planes * (4 if bottleneck else 1)
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.channels = inputs

    def forward(self, x):
        x = self.pool(self.bn1(self.conv1(x)).relu_())
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


class LinearNeck(nn.Module):
    """MoCo v1's projection: average over pixels, then one linear layer."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.fc = nn.Linear(inputs, outputs)

    def forward(self, x):
        return self.fc(x.mean((2, 3)))


class NonLinearNeck(nn.Module):
    """MoCo v2's projection: average over pixels, linear, ReLU, linear."""

    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))

    def forward(self, x):
        return self.mlp(x.mean((2, 3)))


def encoder(depth, width, stem, weights):
    """Backbone and neck whose names are `0.*` and `1.*`, filled with `weights` (all must fit)."""
    backbone = ResNet(depth, width, stem)
    if "1.fc.weight" in weights:
        neck = LinearNeck(backbone.channels, weights["1.fc.weight"].shape[0])
    else:
        hidden, outputs = (weights[f"1.mlp.{i}.weight"].shape[0] for i in (0, 2))
        neck = NonLinearNeck(backbone.channels, hidden, outputs)
    net = nn.Sequential(backbone, neck)
    # Counters of batches may be missing, or of shape [1]: files of ours know no rank 0.
    own = net.state_dict()
    counters = {n: v for n, v in own.items() if n.endswith("num_batches_tracked")}
    fitted = {n: v.reshape(own[n].shape) if n in counters else v for n, v in weights.items()}
    net.load_state_dict({**counters, **fitted})
    return net.to(memory_format=torch.channels_last)
