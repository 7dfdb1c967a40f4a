"""Writes small files of weights as PyTorch users have them, beside what is in them.

    python tools/torch/torch_file_fixtures.py golden/data/torch

NAME.pth is read by harness/weights/torch; NAME.json lists the tensors: their names with nested tables joined by dots,
shape, type, and each element's raw bytes as hexadecimal digits. refused_* are files that must not be read.
"""

import argparse
import collections
import json
import os
import pickle
import sys
import zipfile
from pathlib import Path

import torch

out = Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)
torch.manual_seed(0)


def raw(tensor):
    dense = tensor.detach().contiguous()
    return dense.reshape(-1).view(torch.uint8).numpy().tobytes().hex() if dense.numel() else ""


def named(value, name=""):
    if isinstance(value, torch.Tensor):
        yield name, value
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from named(entry, f"{name}.{key}" if name else str(key))
    elif isinstance(value, (list, tuple)):
        for key, entry in enumerate(value):
            yield from named(entry, f"{name}.{key}" if name else str(key))


def both(name, value):
    for kind, zipped in (("zip", True), ("legacy", False)):
        torch.save(value, out / f"{name}_{kind}.pth", _use_new_zipfile_serialization=zipped)
    tensors = {
        key: {"shape": list(t.shape), "dtype": str(t.dtype).removeprefix("torch."), "hex": raw(t)}
        for key, t in named(value)
    }
    (out / f"{name}.json").write_text(json.dumps(tensors, separators=(",", ":")) + "\n")


model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
model(torch.randn(2, 3, 5, 5)).sum().backward()
optimizer.step()
both(
    "checkpoint",
    {
        "epoch": 200,
        "arch": "resnet50",
        "state_dict": collections.OrderedDict(("module." + k, v) for k, v in model.state_dict().items()),
        "optimizer": optimizer.state_dict(),
        "best": torch.tensor(0.5),
        "negative": -7,
        "large": 2**70,
    },
)
base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
both(
    "strided",
    {
        "whole": base,
        "transposed": base.t(),
        "part": base[1:3, 2:5],
        "steps": base[::2, ::3],
        "column": base[:, 4],
        "expanded": base[:1].expand(3, 6),
        "permuted": torch.arange(24.0).reshape(2, 3, 4).permute(2, 0, 1),
        "channels_last": torch.randn(2, 3, 2, 2).to(memory_format=torch.channels_last),
        "scalar": torch.tensor(3.5),
        "empty": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(torch.randn(3)),
    },
)
both(
    "types",
    {
        str(dtype).removeprefix("torch."): (torch.arange(-3, 4) if dtype.is_signed else torch.arange(7)).to(dtype)
        for dtype in (
            torch.float64, torch.float32, torch.float16, torch.bfloat16,
            torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool,
        )
    },
)


class Attack:
    def __reduce__(self):
        return os.system, ("touch /tmp/reprise-attacked",)


torch.save({"a": torch.zeros(1), "b": Attack()}, out / "refused_code.pth")
torch.save({"args": argparse.Namespace(lr=1)}, out / "refused_namespace.pth")
torch.save(model, out / "refused_model.pth")
torch.jit.script(model).save(out / "refused_torchscript.pth")
torch.save({"c": torch.zeros(2, dtype=torch.complex64)}, out / "refused_complex.pth")
with zipfile.ZipFile(out / "refused_getattr.pth", "w") as archive:
    archive.writestr("archive/data.pkl", b"\x80\x02c__builtin__\ngetattr\nq\x00.")
    archive.writestr("archive/version", "3\n")
(out / "refused_plain_pickle.pth").write_bytes(pickle.dumps({"a": [1, 2, 3]}, protocol=2))
