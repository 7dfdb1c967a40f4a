"""Measure this machine's matrix-product rate in PyTorch, the roof for a training step.

    python tools/torch/matmul_peak.py --sizes 1024 2048 4096 --seconds 2

One JSON line for every precision, library and size: {"precision", "library", "size", "gflops": best, "median_gflops", "products"};
a product of two n x n matrices counts 2 n^3 operations. In fp32, PyTorch's own product is MKL's, which is slow on CPUs that are
not Intel's; oneDNN's, which its convolutions use, is measured beside it.
"""
import argparse
import json
import statistics
import time

import torch
from torch.utils.mkldnn import to_mkldnn


def product(library, dtype, size):
    """A function that multiplies two matrices of that size."""
    a, b = (torch.randn(size, size).to(dtype) for _ in range(2))
    if library == "onednn":
        linear = torch.nn.Linear(size, size, bias=False)
        blocked, x = to_mkldnn(linear.eval()), a.to_mkldnn()
        return lambda: blocked(x)
    out = torch.empty(size, size, dtype=dtype)
    return lambda: torch.mm(a, b, out=out)


def measure(multiply, size, seconds):
    multiply()
    rates, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(rates) < 3:
        start = time.perf_counter()
        multiply()
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
    # PyTorch's product of bfloat16 matrices is oneDNN's.
    for name, library in (("fp32", "mkl"), ("fp32", "onednn"), ("bf16", "torch")):
        dtype = torch.bfloat16 if name == "bf16" else torch.float32
        for size in args.sizes:
            with torch.no_grad():
                rates = measure(product(library, dtype, size), size, args.seconds)
            line = {"precision": name, "library": library, "size": size}
            line |= {"gflops": round(max(rates), 1)}
            line |= {"median_gflops": round(statistics.median(rates), 1), "products": len(rates)}
            print(json.dumps({**line, "threads": torch.get_num_threads()}), flush=True)


if __name__ == "__main__":
    main()
