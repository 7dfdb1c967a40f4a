"""Writes small files of weights as detectron2's users have them, beside what is in them.

    python tools/torch/detector_file_fixtures.py golden/data/detectron/files.json.gz [--python2 PYTHON2]

`files` has them by name, in base64; `detector` and `backbone` the tensors that are in them, by detectron2's names and by
a ResNet's: shape, type, and each element's raw bytes as hexadecimal digits. PYTHON2 is a Python 2.7 with numpy.
"""

import argparse
import base64
import collections
import gzip
import io
import json
import os
import pickle
import subprocess
import tempfile
from pathlib import Path

import numpy
import torch
from torch import nn

arguments = argparse.ArgumentParser()
arguments.add_argument("out", type=Path)
arguments.add_argument("--python2")
given = arguments.parse_args()
torch.manual_seed(0)


def conv_norm(inputs, outputs, size):
    layer = nn.Conv2d(inputs, outputs, size, bias=False)
    layer.norm = nn.BatchNorm2d(outputs)
    with torch.no_grad():
        layer.norm.running_mean.copy_(torch.randn(outputs))
        layer.norm.num_batches_tracked.fill_(7)
    return layer


def built(layers):
    root = nn.Module()
    for path, layer in layers.items():
        *folders, last = path.split(".")
        place = root
        for name in folders:
            if not hasattr(place, name):
                place.add_module(name, nn.Module())
            place = getattr(place, name)
        place.add_module(last, layer)
    return root


detector = built(
    {
        "backbone.stem.conv1": conv_norm(3, 2, 2),
        "backbone.res2.0.shortcut": conv_norm(2, 4, 1),
        "backbone.res2.0.conv1": conv_norm(2, 3, 1),
        "proposal_generator.rpn_head.conv": nn.Conv2d(4, 4, 3),
        "roi_heads.res5.0.conv1": conv_norm(4, 2, 1),
        "roi_heads.res5.norm": nn.BatchNorm2d(2),
        "roi_heads.box_predictor.cls_score": nn.Linear(2, 3),
        "roi_heads.mask_head.deconv": nn.ConvTranspose2d(2, 3, 2, stride=2),
    }
)
state = detector.state_dict()

# A ResNet's state, of which a C4 detector takes all but the classifier.
TO_RESNET = [("shortcut.norm", "downsample.1"), ("shortcut", "downsample.0")]
TO_RESNET += [(f"conv{i}.norm", f"bn{i}") for i in (1, 2, 3)] + [(f"res{s + 1}", f"layer{s}") for s in (1, 2, 3, 4)]


def resnet_name(name):
    for a, b in TO_RESNET:
        name = name.replace(a, b)
    return name.replace("stem.", "")


def is_resnet(name):
    return name.startswith("backbone.") or name.startswith("roi_heads.res5.0.")


resnet = {resnet_name(k.replace("backbone.", "").replace("roi_heads.", "")): v for k, v in state.items() if is_resnet(k)}
resnet["fc.weight"] = torch.randn(5, 2)


def converted(name):
    """What the original's converter names it."""
    name = name if "layer" in name else "stem." + name
    for i in (1, 2, 3, 4):
        name = name.replace(f"layer{i}", f"res{i + 1}")
    for i in (1, 2, 3):
        name = name.replace(f"bn{i}", f"conv{i}.norm")
    return name.replace("downsample.0", "shortcut").replace("downsample.1", "shortcut.norm")


arrays = {converted(k): v.numpy() for k, v in resnet.items()}
original = {"model": arrays, "__author__": "OpenSelfSup", "matching_heuristics": True}
whole = {"model": {k: v.numpy() for k, v in state.items()}, "__author__": "us"}

optimizer = torch.optim.SGD(detector.parameters(), lr=0.02, momentum=0.9)
for p in detector.parameters():
    p.grad = torch.randn_like(p)
optimizer.step()  # in place, so that all of the above have the new values
scheduler = {"milestones": [18000, 22000], "gamma": 0.1, "warmup_factor": 0.001, "base_lrs": [0.02], "last_epoch": 24000}
checkpoint = {"model": state, "optimizer": optimizer.state_dict(), "scheduler": scheduler, "iteration": 23999}
trainer = {"iteration": 23999, "hooks": {"LRScheduler": scheduler}, "_trainer": {"optimizer": optimizer.state_dict()}}
numbers = {**scheduler, "_last_lr": [numpy.float64(0.0002)], "seen": numpy.arange(3)}


def dumped(value, protocol):
    return pickle.dumps(value, protocol=protocol)


def saved(value, zipped=True):
    memory = io.BytesIO()
    torch.save(value, memory, _use_new_zipfile_serialization=zipped)
    return memory.getvalue()


PYTHON2 = """
import pickle, sys
import numpy
model = {k: numpy.load(v) for k, v in zip(sys.argv[2::2], sys.argv[3::2])}
with open(sys.argv[1], "wb") as file:
    pickle.dump({"model": model, "__author__": "OpenSelfSup", "matching_heuristics": True}, file, protocol=2)
"""


def by_python2():
    with tempfile.TemporaryDirectory() as folder:
        pairs = []
        for i, (name, array) in enumerate(arrays.items()):
            path = os.path.join(folder, f"{i}.npy")
            numpy.save(path, array)
            pairs += [name, path]
        out = os.path.join(folder, "out.pkl")
        subprocess.run([given.python2, "-c", PYTHON2, out, *pairs], check=True)
        return Path(out).read_bytes()


turned = {**original, "model": {k: numpy.asfortranarray(v) if v.ndim else v for k, v in arrays.items()}}
files = {f"backbone_protocol{p}.pkl": dumped(original, p) for p in (0, 2, 3, 4, 5)}
files["backbone_columns_first.pkl"] = dumped(turned, 4)
files["backbone_tensors.pkl"] = dumped({**original, "model": {converted(k): v for k, v in resnet.items()}}, 2)
files["backbone_arrays.pth"] = saved(original)
if given.python2:
    files["backbone_python2.pkl"] = by_python2()
files["detector.pkl"] = dumped(whole, 4)
files["detector_tensors.pkl"] = dumped({**whole, "model": state}, 4)
files["detector_0.3.pth"] = saved(checkpoint)
files["detector_0.3_legacy.pth"] = saved(checkpoint, zipped=False)
files["detector_0.6.pth"] = saved({"model": state, "trainer": trainer, "iteration": 23999})
files["detector_numpy_numbers.pth"] = saved({**checkpoint, "scheduler": numbers})
files["detector_state.pth"] = saved(state)


def listed(tensors):
    return {
        k: {"shape": list(t.shape), "dtype": str(t.dtype).removeprefix("torch."), "hex": t.numpy().tobytes().hex()}
        for k, t in tensors.items()
    }


packed = {
    "files": {name: base64.b64encode(content).decode() for name, content in files.items()},
    "detector": listed(state),
    "backbone": listed(resnet),
}
given.out.parent.mkdir(parents=True, exist_ok=True)
given.out.write_bytes(gzip.compress(json.dumps(packed, separators=(",", ":")).encode(), mtime=0))
