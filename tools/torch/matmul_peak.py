"""Measure this machine's matrix-product rate in PyTorch, the roof for a training step.

    python tools/torch/matmul_peak.py --sizes 1024 2048 4096 --seconds 2

One JSON line for every precision and size: {"precision", "size", "gflops": best, "median_gflops", "products"};
a product of two n x n matrices counts 2 n^3 operations.
"""
import argparse
import json
import statistics
import time

import torch


def measure(dtype, size, seconds):
    a, b = (torch.randn(size, size).to(dtype) for _ in range(2))
    out = torch.empty(size, size, dtype=dtype)
    torch.mm(a, b, out=out)
    rates, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(rates) < 3:
        start = time.perf_counter()
        torch.mm(a, b, out=out)
        rates.append(2 * size**3 / (time.perf_counter() - start) / 1e9)
    return rates


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1024, 2048, 4096])
    parser.add_argument("--seconds", type=float, default=2.0, help="for each size and precision")
    parser.add_argument("--threads", type=int, default=0)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    for name, dtype in {"fp32": torch.float32, "bf16": torch.bfloat16}.items():
        for size in args.sizes:
            rates = measure(dtype, size, args.seconds)
            line = {"precision": name, "size": size, "gflops": round(max(rates), 1)}
            line |= {"median_gflops": round(statistics.median(rates), 1), "products": len(rates)}
            print(json.dumps({**line, "threads": torch.get_num_threads()}), flush=True)


if __name__ == "__main__":
    main()
