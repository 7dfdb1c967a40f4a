"""Write PyTorch's values of the network operators, for golden/ops (its README has the naming).

    python tools/torch/op_fixtures.py --out golden/ops

One safetensors file per operator; every file holds several cases in PyTorch layout (NCHW, OIHW, [out,in]).
The values are a pure function of this file and of the PyTorch version, which the metadata names.
"""
import argparse
import json
import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

CONVOLUTIONS = {  # x shape, weight shape, stride, padding, dilation
    "stem7x7": ([2, 3, 17, 15], [4, 3, 7, 7], 2, 3, 1),
    "stem3x3": ([2, 3, 9, 8], [4, 3, 3, 3], 1, 1, 1),
    "same3x3": ([2, 4, 7, 7], [6, 4, 3, 3], 1, 1, 1),
    "strided3x3_odd": ([2, 4, 7, 9], [6, 4, 3, 3], 2, 1, 1),
    "strided3x3_even": ([2, 4, 8, 6], [6, 4, 3, 3], 2, 1, 1),
    "valid3x3": ([2, 3, 8, 7], [5, 3, 3, 3], 1, 0, 1),
    "dilated3x3": ([2, 3, 9, 10], [4, 3, 3, 3], 1, 2, 2),
    "dilated_strided3x3": ([1, 3, 11, 9], [4, 3, 3, 3], 2, 2, 2),
    "pointwise": ([3, 8, 5, 5], [6, 8, 1, 1], 1, 0, 1),
    "pointwise_strided_odd": ([2, 8, 7, 7], [6, 8, 1, 1], 2, 0, 1),
    "pointwise_strided_even": ([2, 8, 6, 8], [6, 8, 1, 1], 2, 0, 1),
    "wide_padding5x5": ([1, 2, 6, 5], [3, 2, 5, 5], 3, 4, 1),
    "uneven_kernel": ([2, 3, 7, 8], [4, 3, 1, 3], 1, (0, 1), 1),
}
MAX_POOLS = {  # x shape, kernel, stride, padding, rectified (ties at zero)
    "stem_even": ([2, 4, 8, 10], 3, 2, 1, False),
    "stem_odd": ([2, 4, 9, 7], 3, 2, 1, False),
    "stem_ties": ([2, 4, 8, 8], 3, 2, 1, True),
    "halve": ([2, 3, 6, 8], 2, 2, 0, False),
    "overlapping": ([1, 3, 7, 6], 3, 1, 1, False),
    "valid_odd": ([1, 3, 9, 7], 3, 2, 0, False),
}
AVERAGE_POOLS = {  # x shape, kernel, stride, padding, padding counted
    "halve": ([2, 3, 6, 8], 2, 2, 0, True),
    "valid_odd": ([1, 3, 9, 7], 3, 2, 0, True),
    "padding_counted": ([2, 3, 7, 8], 3, 2, 1, True),
    "padding_ignored": ([2, 3, 7, 8], 3, 2, 1, False),
}
BATCH_NORMS = {  # x shape, momentum, affine, train
    "train_images": ([4, 6, 5, 3], 0.1, True, True),
    "train_rows": ([9, 7], 0.1, True, True),
    "train_no_affine": ([8, 5], 0.001, False, True),
    "train_two_rows": ([2, 3, 1, 1], 0.1, True, True),
    "eval_images": ([3, 6, 4, 5], 0.1, True, False),
    "eval_rows": ([5, 7], 0.1, True, False),
}


class Fixture:
    """Draws inputs, runs an operator forward and backward, and keeps every tensor by name."""

    def __init__(self, operator):
        self.operator, self.tensors, self.cases = operator, {}, {}
        self.generator = torch.Generator().manual_seed(20201130)

    def normal(self, shape, scale=1.0, shift=0.0):
        return torch.randn(shape, generator=self.generator) * scale + shift

    def run(self, case, parameters, inputs, params, function, constants=None, bf16=False):
        """`function(*leaves)` is differentiated for every tensor of `inputs` and `params`."""
        self.cases[case] = parameters
        for group, named in (("in", inputs), ("param", params), ("in", constants or {})):
            for name, value in named.items():
                self.keep(f"{case}.{group}.{name}", value)
        upstream = None
        for precision in ["", "bf16."] if bf16 else [""]:
            leaves = {n: v.clone().requires_grad_() for n, v in {**inputs, **params}.items()}
            with torch.autocast("cpu", torch.bfloat16, enabled=precision != ""):
                y = function(*leaves.values())
            if upstream is None:
                # Exact in bfloat16, so that both precisions have the same upstream gradient.
                upstream = self.normal(y.shape).bfloat16().float()
                self.keep(f"{case}.upstream.y", upstream)
            y.backward(upstream.to(y.dtype))
            self.keep(f"{case}.{precision}out.y", y)
            for name, leaf in leaves.items():
                self.keep(f"{case}.{precision}grad.{name}", leaf.grad)

    def keep(self, name, tensor):
        kept = tensor.detach()
        self.tensors[name] = (kept.float() if kept.is_floating_point() else kept).contiguous()

    def write(self, folder):
        path = folder / f"{self.operator}.safetensors"
        version = torch.__version__.split("+")[0]
        described = {"operator": self.operator, "torch": version, "cases": self.cases}
        # One key only: the library writes several in an order that changes from run to run.
        metadata = {"fixture": json.dumps(described, sort_keys=True)}
        save_file(self.tensors, path, metadata)
        print(f"{path.name}: {len(self.cases)} cases, {path.stat().st_size} bytes")


def convolutions():
    fixture = Fixture("conv2d")
    for case, (x, weight, stride, padding, dilation) in CONVOLUTIONS.items():
        fan_in = weight[1] * weight[2] * weight[3]
        fixture.run(
            case,
            {"stride": stride, "padding": padding, "dilation": dilation},
            {"x": fixture.normal(x)},
            {"weight": fixture.normal(weight, fan_in**-0.5)},
            lambda x, w: F.conv2d(x, w, None, stride, padding, dilation),
            bf16=True,
        )
    return fixture


def linears():
    fixture = Fixture("linear")
    for case, (rows, inputs, outputs, bias) in {
        "bias": (5, 7, 3, True),
        "no_bias": (4, 16, 9, False),
        "one_row": (1, 6, 8, True),
    }.items():
        params = {"weight": fixture.normal([outputs, inputs], inputs**-0.5)}
        if bias:
            params["bias"] = fixture.normal([outputs])
        x = fixture.normal([rows, inputs])
        fixture.run(case, {"bias": bias}, {"x": x}, params, F.linear, bf16=True)
    return fixture


def batch_norms():
    fixture = Fixture("batch_norm")
    for case, (shape, momentum, affine, train) in BATCH_NORMS.items():
        channels = shape[1]
        running = {
            "running_mean": fixture.normal([channels]),
            "running_var": fixture.normal([channels]).abs() + 0.5,
        }
        after = {name: value.clone() for name, value in running.items()}
        scale, shift = fixture.normal([channels], 0.3, 1.0), fixture.normal([channels])
        fixture.run(
            case,
            {"momentum": momentum, "epsilon": 1e-5, "affine": affine, "train": train},
            {"x": fixture.normal(shape, 2.0, 0.5)},
            {"weight": scale, "bias": shift} if affine else {},
            lambda x, w=None, b=None: F.batch_norm(
                x, after["running_mean"], after["running_var"], w, b, train, momentum, 1e-5
            ),
            constants=running,
        )
        for name, value in after.items():
            fixture.keep(f"{case}.out.{name}", value)
    return fixture


def pools():
    fixture = Fixture("pool")
    for case, (shape, kernel, stride, padding, ties) in MAX_POOLS.items():
        x = fixture.normal(shape)
        fixture.run(
            f"max_{case}",
            {"kind": "max", "kernel": kernel, "stride": stride, "padding": padding, "ties": ties},
            {"x": x.relu() if ties else x},
            {},
            lambda x: F.max_pool2d(x, kernel, stride, padding),
        )
    for case, (shape, kernel, stride, padding, counted) in AVERAGE_POOLS.items():
        window = {"kernel": kernel, "stride": stride, "padding": padding}
        fixture.run(
            f"average_{case}",
            {"kind": "average", **window, "paddingCounted": counted},
            {"x": fixture.normal(shape)},
            {},
            lambda x: F.avg_pool2d(x, kernel, stride, padding, count_include_pad=counted),
        )
    x = fixture.normal([3, 5, 4, 7])
    function = lambda x: F.adaptive_avg_pool2d(x, 1).flatten(1)
    fixture.run("global", {"kind": "global"}, {"x": x}, {}, function)
    return fixture


def activations():
    fixture = Fixture("activation")
    x = fixture.normal([3, 4, 5, 2])
    x[0, 0, 0, 0] = 0.0  # the gradient at zero is zero
    fixture.run("relu", {"kind": "relu"}, {"x": x}, {}, F.relu)
    for case, p in {"half": 0.5, "fifth": 0.2}.items():
        x = fixture.normal([6, 10])
        keep = (torch.rand(x.shape, generator=fixture.generator) >= p).float()
        # F.dropout with its random mask made concrete: kept values are scaled by 1 / (1 - p).
        fixture.run(
            f"dropout_{case}",
            {"kind": "dropout", "rate": p},
            {"x": x},
            {},
            lambda x: x * keep / (1 - p),
            constants={"mask": keep},
        )
    return fixture


def losses():
    fixture = Fixture("loss")
    for case, (rows, classes, scale) in {"few": (4, 5, 1.0), "large": (3, 33, 30.0)}.items():
        labels = torch.randint(classes, [rows], generator=fixture.generator, dtype=torch.int64)
        fixture.run(
            f"cross_entropy_{case}",
            {"kind": "cross_entropy", "reduction": "mean"},
            {"logits": fixture.normal([rows, classes], scale)},
            {},
            lambda logits: F.cross_entropy(logits, labels),
            constants={"labels": labels},
        )
    inputs = {
        "rows": fixture.normal([5, 8]),
        "images": fixture.normal([2, 6, 3, 2]),
        "short_rows": fixture.normal([2, 8], 1e-6),
        "below_floor": fixture.normal([2, 8], 1e-14),
    }
    for case, x in inputs.items():
        parameters = {"kind": "normalize", "axis": 1, "floor": 1e-12}
        fixture.run(f"normalize_{case}", parameters, {"x": x}, {}, lambda x: F.normalize(x, dim=1))
    return fixture


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    for build in (convolutions, linears, batch_norms, pools, activations, losses):
        build().write(folder)


if __name__ == "__main__":
    main()
