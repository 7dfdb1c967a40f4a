"""Write the parity case `sync_bn_unequal`: batch norm over ranks whose batches are of different sizes.

    python tools/torch/sync_bn_fixture.py --out golden/parity

The format is that of the reference's case `sync_bn`; the numbers are PyTorch's own batch norm on the concatenated batch of
all ranks, which is what sync batch norm is by definition. `noise` is the distance of the same run in float64.
"""
import argparse
import json
import pathlib

import torch
from safetensors.torch import save
from torch import nn

NAME, SEED, EPS, STEPS, BOUND = "sync_bn_unequal", 17, 1e-5, 1, 1e-5
# Ranks, samples of each, one sample's shape, options.
LAYERS = {
    "bn1d": ([6, 3, 1], [5], {}),
    "bn1d_noaffine": ([1, 5, 2], [7], {"momentum": 0.001, "affine": False}),
    "bn1d_length": ([1, 1, 3], [3, 4], {"momentum": 0.3}),
    "bn2d": ([4, 1, 2], [4, 3, 2], {}),
}
RANKS = 3


def layer(shape, options):
    made = (nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d)(shape[0], eps=EPS, **options)
    with torch.no_grad():
        for name, value in made.state_dict().items():
            if value.is_floating_point():
                noise = 0.3 * torch.randn(value.shape)
                value += noise.abs() if name == "running_var" else noise
    return made


def one_step(bn, counts, x, dy):
    """Output and gradients of each rank: its rows, with its own share of weight and bias."""
    x = x.requires_grad_()
    y = bn(x)
    (dx,) = torch.autograd.grad((y * dy).sum(), x)
    rows = zip(y.split(counts), dx.split(counts), dy.split(counts), strict=True)
    axes = [0, *range(2, x.dim())]
    for y_rank, dx_rank, dy_rank in rows:
        own = {"out": y_rank, "grad_input": dx_rank}
        if bn.affine:
            shape = [1, -1] + [1] * (x.dim() - 2)
            unit = (y_rank - bn.bias.view(shape)) / bn.weight.view(shape)
            own["local_grad.weight"] = (dy_rank * unit).sum(axes)
            own["local_grad.bias"] = dy_rank.sum(axes)
        yield own


def record(dtype):
    torch.manual_seed(SEED)
    tensors = {}

    def keep(name, value):
        tensors[name] = value.detach().reshape(value.shape or (1,)).clone().contiguous()

    for name, (counts, shape, options) in LAYERS.items():
        bn = layer(shape, options).to(dtype)
        for key, value in bn.state_dict().items():
            keep(f"init.{name}.{key}", value)
        for step in range(1, STEPS + 1):
            x = 2 * torch.randn(sum(counts), *shape) + 1
            dy = torch.randn(sum(counts), *shape)
            for key, value in (("x", x), ("grad_output", dy)):
                for rank, part in enumerate(value.split(counts)):
                    keep(f"rank{rank}.in.step{step}.{name}.{key}", part)
            x, dy = x.to(dtype), dy.to(dtype)
            for rank, own in enumerate(one_step(bn, counts, x, dy)):
                for key, value in own.items():
                    keep(f"rank{rank}.step{step}.{name}.{key}", value)
            for key, value in bn.state_dict().items():
                if key not in ("weight", "bias"):
                    keep(f"step{step}.{name}.state.{key}", value)
        bn.eval()
        for rank, part in enumerate(bn(x).split(counts)):
            keep(f"rank{rank}.eval.{name}.out", part)
    return tensors


def description(tensors, double):
    expected = [n for n in tensors if ".in." not in n and not n.startswith("init.")]
    noise = max(
        float((tensors[n].double() - double[n]).abs().max() / double[n].abs().max())
        for n in expected
        if tensors[n].is_floating_point()
    )
    return {
        "case": NAME,
        "method": "sync_batch_norm",
        "world_size": RANKS,
        "reference": {"script": "tools/torch/sync_bn_fixture.py"},
        "hyper_parameters": {
            "eps": EPS,
            "steps": STEPS,
            "layers": {
                name: {"samples_of_each_rank": counts, "shape": shape, "options": options}
                for name, (counts, shape, options) in LAYERS.items()
            },
        },
        "tolerances": {"all": {"kind": "relative_to_max", "value": BOUND}},
        "noise": {"all": float(f"{noise:.2g}")},
        "notes": ["made by our own script with PyTorch, not by the reference's code"],
        "versions": {"torch": torch.__version__},
        "tensors": {
            name: {
                "role": "expected" if name in expected else "input",
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
    tensors, double = record(torch.float32), record(torch.float64)
    (out / f"{NAME}.safetensors").write_bytes(save(tensors))
    text = json.dumps(description(tensors, double), separators=(",", ":"))
    (out / f"{NAME}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
