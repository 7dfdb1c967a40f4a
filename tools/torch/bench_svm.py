"""Time a sample of scikit-learn's fits of the VOC07 SVM, one process a core. Called by scripts/bench_svm.mjs.

    python tools/torch/bench_svm.py FEATURES LABELS --width 8192 --classes 20 --sampled 2 ...

FEATURES: raw float32 [N, width]; LABELS: raw int8 [N, classes], 1 or -1. Prints one line of JSON.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import json
import multiprocessing
import resource
import time
import warnings

import numpy as np
import sklearn
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import LinearSVC

warnings.simplefilter("ignore")
state = {}


def load(options):
    features = np.fromfile(options.features, np.float32).reshape(-1, options.width).astype(np.float64)
    features /= np.linalg.norm(features, axis=1, keepdims=True) + 1e-5
    labels = np.fromfile(options.labels, np.int8).reshape(-1, options.classes).astype(np.int64)
    state.update(features=features, labels=labels, folds=options.folds)


def fit(task):
    place, cost, of = task
    features, y = state["features"], state["labels"][:, place]
    if of == "folds":
        rest, _ = next(StratifiedKFold(state["folds"]).split(y, y))
        features, y = features[rest], y[rest]
    model = LinearSVC(C=cost, class_weight={1: 2, -1: 1}, intercept_scaling=1.0, penalty="l2",
                      loss="squared_hinge", tol=1e-4, dual=True, max_iter=2000)
    begin, before = time.perf_counter(), time.process_time()
    model.fit(features, y)
    seconds, processor = time.perf_counter() - begin, time.process_time() - before
    short = np.maximum(0, 1 - y * model.decision_function(features))
    weights = np.where(y > 0, 2, 1)
    size = np.sum(model.coef_**2) + np.sum(model.intercept_**2)
    objective = 0.5 * size + cost * np.sum(weights * short**2)
    return {"class": place, "cost": cost, "of": of, "seconds": seconds, "processorSeconds": processor,
            "objective": float(objective)}, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("features")
    parser.add_argument("labels")
    for name in ("width", "classes", "sampled", "processes", "folds"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--costs", required=True)
    options = parser.parse_args()
    load(options)
    costs = [float(cost) for cost in options.costs.split(",")]
    # From the most frequent class on, evenly.
    places = [round(i * (options.classes - 1) / max(1, options.sampled - 1)) for i in range(options.sampled)]
    tasks = [(place, cost, of) for cost in costs for place in places for of in ("folds", "all")]
    with multiprocessing.get_context("fork").Pool(options.processes) as pool:
        found = pool.map(fit, tasks, chunksize=1)
    print(json.dumps({
        "version": sklearn.__version__, "processes": options.processes,
        "zeros": float((state["features"] == 0).mean()),
        "peakBytes": max(peak for _, peak in found), "fits": [one for one, _ in found],
    }))


if __name__ == "__main__":
    main()
