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
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.header = json.loads((self.folder / "trace.json").read_text())

    def __getattr__(self, name):
        try:
            return self.header[name]
        except KeyError:
            raise AttributeError(f"trace.json has no {name}") from None

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
