"""Write golden/clustering: k-means and PCA-whitening by scikit-learn.

    python tools/torch/clustering_fixtures.py golden/clustering
"""
import pathlib
import sys

import numpy as np
import sklearn
from safetensors.numpy import save_file
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA


def groups(rng, count, width, centres):
    """Overlapping groups of unequal size."""
    places = rng.normal(size=(centres, width))
    shares = rng.dirichlet(np.full(centres, 2.0))
    labels = rng.choice(centres, count, p=shares)
    return (places[labels] + 0.7 * rng.normal(size=(count, width))).astype(np.float32)


def k_means(folder, rng):
    """From the same first centroids: 1, 5 and 20 iterations, and until nothing moves."""
    points = groups(rng, 700, 12, 15)
    init = points[rng.permutation(len(points))[:20]].copy()
    tensors = {"points": points, "init": init}
    for iterations in (1, 5, 20, 300):
        model = KMeans(20, init=init, n_init=1, max_iter=iterations, tol=0, algorithm="lloyd")
        model.fit(points.astype(np.float64))
        tensors[f"labels.{iterations}"] = model.labels_.astype(np.int32)
        tensors[f"centroids.{iterations}"] = model.cluster_centers_
        tensors[f"inertia.{iterations}"] = np.array([model.inertia_])
    plus = [KMeans(20, n_init=1, max_iter=20, random_state=s).fit(points).inertia_ for s in range(30)]
    tensors["inertia.k-means++"] = np.array(plus)
    save_file(tensors, folder / "kmeans.safetensors", {"made": f"scikit-learn {sklearn.__version__}"})


def pca(folder, rng):
    """Whitened, then rows over their length + 1e-10; the signs of components are free."""
    mixed = groups(rng, 200, 16, 9) @ rng.normal(size=(16, 16)) + 3
    features = np.maximum(mixed, 0).astype(np.float32)
    tensors = {"features": features}
    for dimensions in (1, 5, 12):
        white = PCA(dimensions, whiten=True, svd_solver="full").fit_transform(features.astype(np.float64))
        unit = white / (np.linalg.norm(white, axis=1, keepdims=True) + 1e-10)
        tensors[f"whitened.{dimensions}"] = np.ascontiguousarray(unit)
    save_file(tensors, folder / "pca.safetensors", {"made": f"scikit-learn {sklearn.__version__}"})


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    k_means(folder, rng)
    pca(folder, rng)


if __name__ == "__main__":
    main()
