"""Time k-means of scikit-learn or faiss from given first centroids; one JSON line.

    python tools/torch/bench_clustering.py sklearn POINTS INIT --width 256 --iterations 20

POINTS and INIT are raw little-endian float32, row after row. The time goes from the points in memory to
the label of each, after so many moves of the centroids.
"""
import argparse
import json
import time

import numpy as np


def with_sklearn(points, init, iterations):
    import sklearn
    from sklearn.cluster import KMeans

    begin = time.perf_counter()
    model = KMeans(len(init), init=init, n_init=1, max_iter=iterations, tol=0, algorithm="lloyd")
    labels = model.fit(points).labels_
    seconds = time.perf_counter() - begin
    return sklearn.__version__, seconds, int(model.n_iter_), labels, model.cluster_centers_


def with_faiss(points, init, iterations):
    import faiss

    begin = time.perf_counter()
    options = dict(niter=iterations, max_points_per_centroid=len(points), min_points_per_centroid=1)
    model = faiss.Kmeans(points.shape[1], len(init), **options)
    model.train(points, init_centroids=init)
    labels = model.index.search(points, 1)[1][:, 0]
    seconds = time.perf_counter() - begin
    return faiss.__version__, seconds, iterations, labels, model.centroids


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("library", choices=["sklearn", "faiss"])
    parser.add_argument("points")
    parser.add_argument("init")
    parser.add_argument("--width", type=int, required=True)
    parser.add_argument("--iterations", type=int, required=True)
    options = parser.parse_args()
    points = np.fromfile(options.points, np.float32).reshape(-1, options.width)
    init = np.fromfile(options.init, np.float32).reshape(-1, options.width)
    run = {"sklearn": with_sklearn, "faiss": with_faiss}[options.library]
    version, seconds, iterations, labels, centroids = run(points, init, options.iterations)
    apart = points - centroids[labels].astype(np.float32)
    inertia = float(np.einsum("ij,ij->", apart, apart, dtype=np.float64))
    print(json.dumps(dict(version=version, seconds=seconds, iterations=iterations, inertia=inertia)))


if __name__ == "__main__":
    main()
