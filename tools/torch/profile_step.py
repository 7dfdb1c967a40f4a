"""Where PyTorch's MoCo step spends its time: operators, groups, and operations per second.

    python tools/torch/profile_step.py --depth 50 --size 224 --batch 8 --precision bf16 --steps 3

Prints one JSON line: "step_ms" without the profiler, "gflop" of a step (2 per multiply-add, counted from the shapes of
convolutions and matrix products), "gflops" its rate, "groups" and "operators" with milliseconds a step (self time).
"""
import argparse
import json
import statistics
import time

import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from train_loop import Trainer

GROUPS = {  # first match wins
    "convolution gradients": ("convolution_backward",),
    "convolution": ("conv",),
    "batch norm": ("batch_norm",),
    "pooling": ("pool",),
    "matrix product": ("addmm", "aten::mm", "bmm"),
    "ReLU": ("relu", "threshold", "clamp_min"),
    "casts and copies": ("copy_", "_to_copy", "contiguous", "clone"),
    "update": ("_foreach", "lerp", "mul_"),
    "additions": ("aten::add",),  # residuals; gradients that meet; SGD's additions, in place
}


def group_of(name):
    return next((g for g, parts in GROUPS.items() if any(p in name for p in parts)), "other")


def timed(trainer, views, steps):
    times = []
    for _ in range(steps):
        start = time.perf_counter()
        trainer.step(*views)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--depth", type=int, default=50)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--queue", type=int, default=65536)
    parser.add_argument("--stem", choices=["imagenet", "cifar"], default="imagenet")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--steps", type=int, default=3)
    args = parser.parse_args()
    torch.manual_seed(0)
    trainer = Trainer(args)
    views = [torch.randn(args.batch, 3, args.size, args.size) for _ in range(2)]
    timed(trainer, views, 2)
    seconds = timed(trainer, views, args.steps)
    with FlopCounterMode(display=False) as counter:
        trainer.step(*views)
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        timed(trainer, views, args.steps)
    groups, operators = {}, {}
    for event in profiler.key_averages():
        spent = event.self_cpu_time_total / 1e3 / args.steps
        group = group_of(event.key)
        groups[group] = groups.get(group, 0.0) + spent
        operators[event.key] = spent
    gflop = counter.get_total_flops() / 1e9
    most = sorted(operators.items(), key=lambda item: -item[1])[:15]
    line = {name: getattr(args, name) for name in ("depth", "size", "batch", "precision", "stem")}
    line |= {"step_ms": round(seconds * 1e3, 1), "gflop": round(gflop, 1)}
    line |= {"gflops": round(gflop / seconds, 1), "threads": torch.get_num_threads()}
    line["groups"] = {n: round(v, 1) for n, v in sorted(groups.items(), key=lambda i: -i[1])}
    line["operators"] = {name: round(spent, 1) for name, spent in most}
    print(json.dumps(line))


if __name__ == "__main__":
    main()
