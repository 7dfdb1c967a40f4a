"""Time torchvision's v2 transforms on the MoCo v2 two-view pipeline, from JPEG files to uint8 batches.

The other side is scripts/bench_data.mjs, which starts this one and alternates with it.
    python tools/torch/bench_data.py --files LIST --workers 2 --batch 32 --images 512 --backend pil
Prints one JSON line: {"backend", "images", "seconds", "cpu_seconds"}; start-up of the workers and the first batches
are not timed. Processor time is that of all processes together, which a busy machine changes less than seconds.
Backends: `pil` decodes with Pillow and transforms PIL images (blur by Pillow, as the original code does);
`tensor` decodes with torchvision.io.decode_jpeg and transforms uint8 tensors, blur kernel 23;
`tensor9` is the same with a blur kernel of 9, cheaper than the published recipe.
"""
import argparse
import json
import os
import random
import time

import torch
from PIL import Image, ImageFilter
from torch.utils.data import DataLoader, Dataset
from torchvision.io import ImageReadMode, decode_jpeg, read_file
from torchvision.transforms import v2


class PillowBlur:
    def __call__(self, image):
        return image.filter(ImageFilter.GaussianBlur(random.uniform(0.1, 2.0)))


def pipeline(backend):
    blur = {
        "pil": PillowBlur(),
        "tensor": v2.GaussianBlur(23, (0.1, 2.0)),
        "tensor9": v2.GaussianBlur(9, (0.1, 2.0)),
    }[backend]
    steps = [
        v2.RandomResizedCrop(224, scale=(0.2, 1.0), antialias=True),
        v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
        v2.RandomGrayscale(0.2),
        v2.RandomApply([blur], p=0.5),
        v2.RandomHorizontalFlip(),
    ]
    if backend == "pil":
        steps.append(v2.PILToTensor())
    return v2.Compose(steps)


class TwoViews(Dataset):
    def __init__(self, files, length, backend):
        self.files, self.length, self.backend = files, length, backend
        self.transform = pipeline(backend)

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        path = self.files[index % len(self.files)]
        if self.backend == "pil":
            with Image.open(path) as opened:
                image = opened.convert("RGB")
        else:
            image = decode_jpeg(read_file(path), mode=ImageReadMode.RGB)
        return self.transform(image), self.transform(image)


def cpu_seconds(pids):
    """User and system time of processes of this machine."""
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--warmup", type=int, default=64)
    parser.add_argument("--backend", choices=["pil", "tensor", "tensor9"], required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    files = [line.strip() for line in open(args.files) if line.strip()]
    data = TwoViews(files, args.images + args.warmup, args.backend)
    loader = DataLoader(data, batch_size=args.batch, num_workers=args.workers, shuffle=True)
    batches = iter(loader)
    pids = [os.getpid(), *(worker.pid for worker in getattr(batches, "_workers", []))]
    seen, start, cpu_start = 0, 0.0, 0.0
    while seen < args.warmup + args.images:
        if seen == args.warmup:
            start, cpu_start = time.perf_counter(), cpu_seconds(pids)
        first, second = next(batches)
        seen += len(first)
    seconds, cpu = time.perf_counter() - start, cpu_seconds(pids) - cpu_start
    line = {"backend": args.backend, "images": args.images, "seconds": seconds, "cpu_seconds": cpu}
    print(json.dumps(line))


if __name__ == "__main__":
    main()
