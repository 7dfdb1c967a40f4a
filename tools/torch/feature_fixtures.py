"""Writes features of frozen networks as PyTorch has them, for harness/features/extractor.test.ts.

    python tools/torch/feature_fixtures.py golden/data/features

NAME.safetensors holds the weights of a narrow ResNet (`weights.*`) and features of two images of 224 pixels
(`POOLING.feat1` ... `POOLING.feat5`, [2, D], flattened as C, H, W): pooled by AvgPool2d of the sizes of
docs/reference/benchmarks.md, section 1, by AdaptiveAvgPool2d, and averaged. Pixels are a formula, which the test
repeats. With --full TORCHVISION_NAME the same of a whole torchvision network is written to another folder instead.
"""
import argparse
import pathlib

import torch
from networks import ResNet
from safetensors.torch import save_file
from torch import nn

# kernel, stride, padding; side
LEVELS = [(10, 10, 4, 12), (16, 8, 0, 6), (13, 5, 0, 4), (8, 3, 0, 3), (6, 1, 0, 2)]
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
ALONG_COLUMNS = [[1, 0, -1], [2, 0, -2], [1, 0, -1]]
ALONG_ROWS = [[1, 2, 1], [0, 0, 0], [-1, -2, -1]]


def images(count):
    """uint8 [count, 3, 224, 224]."""
    i, c, y, x = torch.meshgrid(*(torch.arange(n) for n in (count, 3, 224, 224)), indexing="ij")
    return ((x * (3 + c) + y * (5 + 2 * c) + i * 17 + ((x * y) >> 3)) % 256).to(torch.uint8)


def normalised(pixels):
    shape = (1, 3, 1, 1)
    return (pixels.float() / 255 - torch.tensor(MEAN).view(shape)) / torch.tensor(STD).view(shape)


def edges(x):
    filters = torch.tensor([ALONG_COLUMNS, ALONG_ROWS]).float().unsqueeze(1)
    return nn.functional.conv2d(x.mean(1, keepdim=True), filters, padding=1)


def levels(model, x):
    pool = model.pool if hasattr(model, "pool") else model.maxpool
    x = torch.relu(model.bn1(model.conv1(x)))
    yield x
    x = pool(x)
    for stage in (model.layer1, model.layer2, model.layer3, model.layer4):
        x = stage(x)
        yield x


def features(model, x):
    model.eval()
    with torch.inference_mode():
        for i, level in enumerate(levels(model, x.clone())):
            kernel, stride, padding, side = LEVELS[i]
            specified = nn.AvgPool2d(kernel, stride, padding)(level)
            assert specified.shape[2:] == (side, side)
            adaptive = nn.AdaptiveAvgPool2d(side)(level)
            yield f"specified.feat{i + 1}", specified.flatten(1)
            yield f"adaptive.feat{i + 1}", adaptive.flatten(1)
            yield f"average.feat{i + 1}", level.mean((2, 3))


def fill(model):
    """Statistics and scales that are no identity, so that a wrong mode of batch norm shows."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if isinstance(module, nn.BatchNorm2d):
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.uniform_(-0.2, 0.2)
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2)
    return model


def write(path, model, x):
    state = {f"weights.{name}": value for name, value in model.state_dict().items() if not name.startswith("fc.")}
    found = {name: value.contiguous() for name, value in features(model, x)}
    save_file({**state, **found}, str(path))


parser = argparse.ArgumentParser()
parser.add_argument("out", type=pathlib.Path)
parser.add_argument("--full", help="a network of torchvision's")
args = parser.parse_args()
args.out.mkdir(parents=True, exist_ok=True)
torch.manual_seed(5)
pixels = images(2)
if args.full:
    import torchvision

    write(args.out / f"{args.full}.safetensors", fill(getattr(torchvision.models, args.full)()), normalised(pixels))
else:
    for depth in (18, 50):
        write(args.out / f"resnet{depth}.safetensors", fill(ResNet(depth, 1 / 32)), normalised(pixels))
    behind = fill(ResNet(18, 1 / 32))
    behind.conv1 = nn.Conv2d(2, 2, 7, 2, 3, bias=False)
    write(args.out / "sobel18.safetensors", behind, edges(normalised(pixels)))
