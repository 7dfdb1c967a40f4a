"""The whole MoCo v2 training loop in PyTorch, from JPEG files to updated weights.

    python tools/torch/train_loop.py --files LIST --depth 50 --size 224 --batch 8 --precision fp32 --steps 20

LIST is a text file with a path on each line; it is gone through as often as needed. Data comes from torchvision's
v2 transforms in a DataLoader, the step is that of the throughput reference. Prints one JSON line; "images" are source
images (two views each), "data_ms" is the mean time that a step waits for its batch. Start-up and warm-up are not timed.
"peak_rss_mb" is of the main process; "workers_private_mb" is what the loader's processes have to themselves at the end.
Backends as in bench_data.py: pil (Pillow decodes and blurs) or tensor (torchvision's decoder, kernel blur).
"""
import argparse
import json
import random
import resource
import time

import torch
import torch.nn.functional as F
from PIL import Image, ImageFilter
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision.io import ImageReadMode, decode_jpeg, read_file
from torchvision.transforms import v2

from networks import NonLinearNeck, ResNet

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


class PillowBlur:
    def __call__(self, image):
        return image.filter(ImageFilter.GaussianBlur(random.uniform(0.1, 2.0)))


class TwoViews(Dataset):
    """Two float views [3, S, S] of a JPEG file by MoCo v2's pipeline."""

    def __init__(self, files, length, size, backend):
        self.files, self.length, self.pil = files, length, backend == "pil"
        self.transform = v2.Compose(
            [
                v2.RandomResizedCrop(size, scale=(0.2, 1.0), antialias=True),
                v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
                v2.RandomGrayscale(0.2),
                v2.RandomApply([PillowBlur() if self.pil else v2.GaussianBlur(23, (0.1, 2.0))]),
                v2.RandomHorizontalFlip(),
                *([v2.PILToTensor()] if self.pil else []),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(MEAN, STD),
            ]
        )

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        path = self.files[index % len(self.files)]
        if self.pil:
            with Image.open(path) as opened:
                image = opened.convert("RGB")
        else:
            image = decode_jpeg(read_file(path), mode=ImageReadMode.RGB)
        return self.transform(image), self.transform(image)


class Trainer:
    def __init__(self, args):
        self.precision = args.precision
        self.query, self.key = (self.network(args) for _ in range(2))
        self.key.load_state_dict(self.query.state_dict())
        self.key.requires_grad_(False)
        self.queue = F.normalize(torch.randn(args.queue, 128), dim=1)
        self.at = 0
        self.optimizer = torch.optim.SGD(
            self.query.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4
        )

    def network(self, args):
        backbone = ResNet(args.depth, 1.0, args.stem)
        neck = NonLinearNeck(backbone.channels, backbone.channels, 128)
        return nn.Sequential(backbone, neck).to(memory_format=torch.channels_last)

    def step(self, first, second):
        first, second = (x.to(memory_format=torch.channels_last) for x in (first, second))
        with torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bf16"):
            q = F.normalize(self.query(first).float(), dim=1)
            with torch.no_grad():
                parameters = list(self.key.parameters()), list(self.query.parameters())
                torch._foreach_lerp_(*parameters, 0.001)
                k = F.normalize(self.key(second).float(), dim=1)
            logits = torch.cat([(q * k).sum(1, keepdim=True), q @ self.queue.t()], 1) / 0.2
            loss = F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.long))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.queue[self.at : self.at + len(k)] = k
        self.at = (self.at + len(k)) % len(self.queue)
        return loss.item()


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--files", required=True)
    parser.add_argument("--depth", type=int, default=50, choices=[18, 34, 50])
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--queue", type=int, default=65536)
    parser.add_argument("--stem", choices=["imagenet", "cifar"], default="imagenet")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--backend", choices=["pil", "tensor"], default="pil")
    return parser.parse_args()


def peak_rss_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def private_mb(process):
    """Memory that this process has to itself: what it shares with its parent is counted there."""
    try:
        with open(f"/proc/{process.pid}/smaps_rollup") as lines:
            return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) // 1024
    except OSError:  # it has ended
        return 0


def main():
    args = options()
    torch.manual_seed(0)
    random.seed(0)
    files = [line.strip() for line in open(args.files) if line.strip()]
    steps = args.warmup + args.steps
    data = TwoViews(files, steps * args.batch, args.size, args.backend)
    loader = iter(DataLoader(data, args.batch, shuffle=True, num_workers=args.workers))
    trainer, waited, start = Trainer(args), 0.0, 0.0
    for step in range(steps):
        if step == args.warmup:
            waited, start = 0.0, time.perf_counter()
        before = time.perf_counter()
        views = next(loader)
        waited += time.perf_counter() - before
        trainer.step(*views)
    seconds = time.perf_counter() - start
    workers = getattr(loader, "_workers", [])  # as torch calls them
    names = ("depth", "size", "batch", "precision", "steps", "workers", "backend")
    line = {"framework": "torch", "version": torch.__version__, "method": "moco"}
    line |= {name: getattr(args, name) for name in names}
    line |= {
        "threads": torch.get_num_threads(),
        "step_ms": round(1e3 * seconds / args.steps, 1),
        "data_ms": round(1e3 * waited / args.steps, 1),
        "images_per_second": round(args.steps * args.batch / seconds, 3),
        "peak_rss_mb": peak_rss_mb(),
        "workers_private_mb": sum(private_mb(worker) for worker in workers),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
