"""Read what `scripts/trace.mjs` writes: a run's start, its schedule, its batches (README.md has the format)."""
import json
import pathlib
import sys
from dataclasses import dataclass

import numpy as np
import torch
from safetensors.torch import load_file


@dataclass(frozen=True)
class Batch:
    """Two views, uint8 [R N, H, W, C], and the permutation [R N] that shuffles the second."""

    views: tuple
    shuffle: torch.Tensor


class Trace:
    """A MoCo run of ours: what its experiment says, under the names of the formulas."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        header = json.loads((self.folder / "trace.json").read_text())
        experiment = header["experiment"]
        backbone, method = experiment["backbone"], experiment["method"]
        data, optimizer = experiment["data"], experiment["optimizer"]
        if (method["kind"], header["views"], header["draws"]) != ("moco", 2, ["shuffle"]):
            raise ValueError(f"{folder}: a trace of {method['kind']}, expected one of moco")
        if experiment["accumulate"] != 1 or optimizer["kind"] != "sgd" or optimizer["rules"]:
            raise ValueError(f"{folder}: expected plain SGD without accumulation and rules")
        self.lr = header["lr"]
        self.depth, self.width, self.stem = (backbone[key] for key in ("depth", "width", "stem"))
        self.replicas, self.batch, self.size = experiment["replicas"], experiment["batch"], data["size"]
        self.queue, self.temperature = method["queue"], method["temperature"]
        self.keyMomentum = method["momentum"]
        self.momentum, self.weightDecay = optimizer["momentum"], optimizer["weightDecay"]
        self.precision, self.mean, self.std = experiment["precision"], data["mean"], data["std"]

    def initial(self):
        return load_file(self.folder / "initial.safetensors")

    def normalise(self, images):
        """uint8 [N, H, W, C] -> float32 [N, C, H, W], channels last in memory."""
        x = images.permute(0, 3, 1, 2).float() / 255
        mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (self.mean, self.std))
        return (x - mean) / std

    def batches(self):
        """The batches kept as files, until the first step without one."""
        for step in range(len(self.lr)):
            path = self.folder / f"step_{step:06d}.safetensors"
            if not path.exists():
                return
            tensors = load_file(path)
            yield Batch((tensors["view0"], tensors["view1"]), tensors["shuffle"].long())

    def stream(self, path):
        """Batches from a pipe: the bytes of view0, view1 and shuffle (int32), step after step."""
        samples = self.replicas * self.batch
        shape = (samples, self.size, self.size, 3)
        lengths = [int(np.prod(shape))] * 2 + [4 * samples]
        with sys.stdin.buffer if path == "-" else open(path, "rb") as source:
            for step in range(len(self.lr)):
                frame = read_frame(source, sum(lengths), step)
                if frame is None:
                    return
                first, second, rest = np.split(frame, np.cumsum(lengths)[:-1])
                views = tuple(torch.from_numpy(v.reshape(shape)) for v in (first, second))
                yield Batch(views, torch.from_numpy(rest.view("<i4").astype(np.int64)))


def read_frame(source, length, step):
    frame = np.empty(length, np.uint8)
    got, view = 0, memoryview(frame)
    while got < length:
        count = source.readinto(view[got:])
        if not count:
            if got == 0:
                return None
            raise EOFError(f"step {step}: the stream ends after {got} of {length} bytes")
        got += count
    return frame


def read_cifar(paths):
    """Binary CIFAR-10 files -> images uint8 [N, 32, 32, 3], labels int64 [N]."""
    records = np.concatenate([np.fromfile(path, np.uint8).reshape(-1, 3073) for path in paths])
    images = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1).copy()
    return torch.from_numpy(images), torch.from_numpy(records[:, 0].astype(np.int64))
