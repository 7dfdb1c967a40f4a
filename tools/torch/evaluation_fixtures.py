"""Write golden/evaluation: k-NN by scikit-learn, a linear probe by PyTorch, and a real set for both.

    python tools/torch/evaluation_fixtures.py golden/evaluation
"""
import pathlib
import sys

import numpy as np
import sklearn
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler


def clusters(rng, count, width, classes):
    """Positive rows in overlapping groups, as pooled features after a ReLU are."""
    centres = rng.normal(size=(classes, width))
    labels = rng.integers(0, classes, count)
    return np.maximum(centres[labels] + 1.5 * rng.normal(size=(count, width)), 0), labels


def knn(folder):
    """Class shares of weighted k-NN for several k and temperatures."""
    rng = np.random.default_rng(0)
    rows, labels = clusters(rng, 400, 24, 5)
    rows, labels = rows.astype(np.float32), labels.astype(np.int32)
    train, test = slice(0, 300), slice(300, 400)
    tensors = {"train": rows[train], "train_labels": labels[train], "test": rows[test]}
    for k, temperature in [(1, 0.07), (20, 0.07), (100, 0.5), (300, 0.02)]:
        weights = lambda distance: np.exp((1 - distance) / temperature)  # noqa: B023
        model = KNeighborsClassifier(k, metric="cosine", algorithm="brute", weights=weights)
        model.fit(rows[train].astype(np.float64), labels[train])
        tensors[f"shares.{k}.{temperature}"] = model.predict_proba(rows[test].astype(np.float64))
    save_file(tensors, folder / "knn.safetensors", {"made": f"scikit-learn {sklearn.__version__}"})


def linear(folder, epochs=6, batch=64, lr=0.1, momentum=0.9, weight_decay=1e-3, epsilon=1e-5):
    """Losses and final weights of a probe with a short last batch, cosine over all steps."""
    rng = np.random.default_rng(1)
    rows, labels = clusters(rng, 250, 32, 4)
    rows = torch.tensor(rows, dtype=torch.float32)
    targets = torch.tensor(labels)
    x = F.batch_norm(rows, None, None, training=True, eps=epsilon)
    layer = torch.nn.Linear(32, 4)
    torch.manual_seed(0)
    torch.nn.init.normal_(layer.weight, std=0.01)
    torch.nn.init.zeros_(layer.bias)
    start = layer.weight.detach().clone()
    settings = dict(lr=lr, momentum=momentum, weight_decay=weight_decay)
    optimizer = torch.optim.SGD(layer.parameters(), **settings)
    order = torch.stack([torch.randperm(len(x)) for _ in range(epochs)])
    batches = [part for epoch in order for part in epoch.split(batch)]
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, len(batches))
    losses = []
    for part in batches:
        loss = F.cross_entropy(layer(x[part]), targets[part])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    tensors = {
        "features": rows,
        "labels": targets.int(),
        "order": order.int(),
        "start": start,
        "losses": torch.tensor(losses, dtype=torch.float64),
        "weight": layer.weight.detach(),
        "bias": layer.bias.detach(),
    }
    tensors = {name: value.contiguous().numpy() for name, value in tensors.items()}
    fields = dict(epochs=epochs, batch=batch, epsilon=epsilon, **settings)
    made = {"made": f"PyTorch {torch.__version__}", **{k: str(v) for k, v in fields.items()}}
    save_file(tensors, folder / "linear.safetensors", made)


def digits(folder):
    """Real data: 8x8 handwritten digits (UCI), every third for the test, and what scikit-learn makes of it."""
    data = load_digits()
    test = np.arange(len(data.target)) % 3 == 0
    scaler = StandardScaler().fit(data.data[~test])
    model = LogisticRegression(max_iter=5000).fit(scaler.transform(data.data[~test]), data.target[~test])
    top1 = 100 * model.score(scaler.transform(data.data[test]), data.target[test])
    tensors = {
        "train": data.data[~test].astype(np.uint8),
        "train_labels": data.target[~test].astype(np.int32),
        "test": data.data[test].astype(np.uint8),
        "test_labels": data.target[test].astype(np.int32),
    }
    made = {"made": f"scikit-learn {sklearn.__version__}", "logistic_regression_top1": str(top1)}
    save_file(tensors, folder / "digits.safetensors", made)
    print(f"logistic regression on digits: {top1:.2f} %")


if __name__ == "__main__":
    target = pathlib.Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    knn(target)
    linear(target)
    digits(target)
