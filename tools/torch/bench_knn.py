"""Time an exact k-NN search of PyTorch; one JSON line.

    python tools/torch/bench_knn.py REFERENCES QUERIES --width 512 --k 200 --threads 2

The files are raw little-endian float32, row after row. The time goes from the rows in memory to the k
most similar references of each query by cosine, and holds the scaling to length 1. Queries are taken in
batches of 1024, the fastest of 256, 1024 and 4096.
"""
import argparse
import json
import time

import numpy as np
import torch
from torch.nn.functional import normalize


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("references")
    parser.add_argument("queries")
    parser.add_argument("--width", type=int, required=True)
    parser.add_argument("--k", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--batch", type=int, default=1024)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = [torch.from_numpy(np.fromfile(f, np.float32).reshape(-1, options.width)) for f in (options.references, options.queries)]
    begin, before = time.perf_counter(), time.process_time()
    with torch.inference_mode():
        references, queries = (normalize(part) for part in rows)
        found = [(part @ references.T).topk(options.k) for part in queries.split(options.batch)]
        values = torch.cat([part.values for part in found])
        places = torch.cat([part.indices for part in found])
    seconds, cpu = time.perf_counter() - begin, time.process_time() - before
    checksum = float(values.double().mean())
    print(json.dumps(dict(version=torch.__version__, seconds=seconds, cpu=cpu, similarity=checksum, first=int(places[0, 0]))))


if __name__ == "__main__":
    main()
