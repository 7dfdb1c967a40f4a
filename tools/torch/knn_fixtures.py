"""Write golden/evaluation/neighbours.safetensors: nearest rows by scikit-learn, for three measures.

    python tools/torch/knn_fixtures.py golden/evaluation
"""
import pathlib
import sys

import numpy as np
import sklearn
from safetensors.numpy import save_file
from sklearn.metrics.pairwise import linear_kernel
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors


def main(folder):
    rng = np.random.default_rng(4)
    centres = rng.normal(size=(6, 37)) + 3
    labels = rng.integers(0, 6, 700).astype(np.int32)
    rows = (centres[labels] + rng.normal(size=(700, 37)) * rng.uniform(0.3, 2, (700, 1))).astype(np.float32)
    train, test = rows[:600], rows[600:]
    wide, narrow = train.astype(np.float64), test.astype(np.float64)
    tensors = {"train": train, "test": test, "train_labels": labels[:600], "test_labels": labels[600:]}
    for metric in ("cosine", "euclidean"):
        model = NearestNeighbors(n_neighbors=50, metric=metric, algorithm="brute").fit(wide)
        distances, places = model.kneighbors(narrow)
        tensors[f"{metric}.places"] = places.astype(np.int32)
        tensors[f"{metric}.similarities"] = 1 - distances if metric == "cosine" else -distances
    products = linear_kernel(narrow, wide)
    places = np.argsort(-products, axis=1, kind="stable")[:, :50]
    tensors["dot.places"] = places.astype(np.int32)
    tensors["dot.similarities"] = np.take_along_axis(products, places, axis=1)
    uniform = KNeighborsClassifier(20, metric="euclidean", algorithm="brute").fit(wide, labels[:600])
    tensors["uniform.shares"] = uniform.predict_proba(narrow)
    save_file(tensors, folder / "neighbours.safetensors", {"made": f"scikit-learn {sklearn.__version__}"})


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
