"""Time the extraction of features with PyTorch: JPEG files in, five pooled layers of a ResNet-50 out, as .npy.

The other side is tools/speed/extract_path.ts; scripts/bench_extract.mjs starts both in turns.
    python tools/torch/bench_extract.py --files LIST --images 256 --workers 2 --layout channels_last --precision fp32
Prints one JSON line: {"seconds", "cpu_seconds", "peak_bytes"}; start-up and the first batches are not timed. Pipeline as
docs/reference/benchmarks.md, section 2.2: Resize 256, Resize to 224 x 224, ToTensor, Normalize; batches of 32, two
threads. `--workers` are those of the DataLoader; memory is that of all processes together (proportional set size).
"""
import argparse
import json
import os
import resource
import time

import numpy as np
import torch
import torchvision
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import Compose, Normalize, Resize, ToTensor

BATCH, THREADS, WARMUP = 32, 2, 2  # images, threads, batches
POOLS = [(10, 10, 4), (16, 8, 0), (13, 5, 0), (8, 3, 0), (6, 1, 0)]


class Images(Dataset):
    def __init__(self, files, length):
        self.files, self.length = files, length
        self.transform = Compose(
            [Resize(256), Resize((224, 224)), ToTensor(), Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))]
        )

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        with Image.open(self.files[index % len(self.files)]) as image:
            return self.transform(image.convert("RGB"))


class Features(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.net = torchvision.models.resnet50()
        self.pools = torch.nn.ModuleList(torch.nn.AvgPool2d(*pool) for pool in POOLS)

    def forward(self, x):
        net = self.net
        x = net.relu(net.bn1(net.conv1(x)))
        levels = [x]
        x = net.maxpool(x)
        for stage in (net.layer1, net.layer2, net.layer3, net.layer4):
            x = stage(x)
            levels.append(x)
        return [pool(level).flatten(1).float() for pool, level in zip(self.pools, levels)]


def cpu_seconds(pids):
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory(pids):
    """Proportional set size: what processes share is counted once."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            total += next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    return total * 1024


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", required=True)
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--layout", choices=["contiguous", "channels_last"], default="channels_last")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    torch.set_num_threads(THREADS)
    files = [line.strip() for line in open(args.files) if line.strip()]
    total = args.images + WARMUP * BATCH
    loader = DataLoader(Images(files, total), batch_size=BATCH, num_workers=args.workers)
    layout = torch.channels_last if args.layout == "channels_last" else torch.contiguous_format
    model = Features().eval().to(memory_format=layout)
    outputs, start, cpu_start, peak = None, 0.0, 0.0, 0
    mixed = torch.autocast("cpu", torch.bfloat16, enabled=args.precision == "bf16")
    with torch.inference_mode(), mixed:
        batches = iter(loader)
        pids = [os.getpid(), *(worker.pid for worker in getattr(batches, "_workers", []))]
        for number in range(total // BATCH):
            if number == WARMUP:
                start, cpu_start = time.perf_counter(), cpu_seconds(pids)
            features = model(next(batches).contiguous(memory_format=layout))
            if outputs is None:
                outputs = [
                    np.lib.format.open_memmap(f"{args.out}/feat{i + 1}.npy", "w+", np.float32, (total, one.shape[1]))
                    for i, one in enumerate(features)
                ]
            for output, one in zip(outputs, features):
                output[number * BATCH : (number + 1) * BATCH] = one.numpy()
            peak = max(peak, memory(pids))
    seconds, cpu = time.perf_counter() - start, cpu_seconds(pids) - cpu_start
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu, "peak_bytes": peak, "own_peak_bytes": own}))


if __name__ == "__main__":
    main()
