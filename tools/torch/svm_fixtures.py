"""Makes golden/svm/*.safetensors and golden/parity/svm_*: what scikit-learn says.

    python tools/torch/svm_fixtures.py

Needs numpy, scikit-learn and safetensors. Everything is seeded: another run gives the same files with the
same versions.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import sklearn
from safetensors.numpy import save_file
from sklearn.metrics import average_precision_score
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import LinearSVC

ROOT = Path(__file__).resolve().parents[2]
warnings.simplefilter("ignore")


def area(targets, scores):
    """VOC2010+ area; equal scores in reverse order of a stable ascending sort."""
    order = np.argsort(scores, kind="stable")[::-1]
    hits = (targets[order] > 0).astype(np.float64)
    found = np.cumsum(hits)
    precision = found / np.arange(1, len(hits) + 1)
    recall = found / hits.sum()
    recall = np.concatenate([[0.0], recall, [1.0]])
    precision = np.concatenate([[0.0], precision, [0.0]])
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    steps = np.where(recall[1:] != recall[:-1])[0] + 1
    return float(np.sum((recall[steps] - recall[steps - 1]) * precision[steps]))


def machine(features, labels, cost, spec, tolerance=1e-11):
    weights = {int(k): v for k, v in spec["class_weight"].items()}
    return LinearSVC(
        C=cost, class_weight=weights, intercept_scaling=spec["intercept_scaling"], penalty="l2",
        loss="squared_hinge", tol=tolerance, dual=True, max_iter=2_000_000, random_state=0,
    ).fit(features, labels)


def features_of(rng, rows, width, latent, ties):
    x = np.maximum(latent @ rng.standard_normal((latent.shape[1], width)) - 0.3, 0)
    x += np.maximum(rng.standard_normal((rows, width)) * 0.6 - 0.5, 0)
    x = x.astype(np.float32)
    if ties:  # every image twice: equal scores
        x[1::2] = x[: 2 * (rows // 2) : 2]
    return x


def labels_of(rng, latent, shares):
    scores = latent[:, : len(shares)] + 0.7 * rng.standard_normal((len(latent), len(shares)))
    labels = np.zeros(scores.shape, np.int64)
    for c, share in enumerate(shares):
        count = int(share) if share >= 1 else int(round(share * len(latent)))
        labels[np.argsort(-scores[:, c], kind="stable")[:count], c] = 1
    difficult = (rng.random(labels.shape) < 0.05) & (labels == 0)
    labels[difficult] = -1
    return labels


def voc07(name, seed, rows, tests, width, shares, costs, folds, weight, scaling, ties=False):
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal((rows + tests, 8))
    x = features_of(rng, rows + tests, width, latent, ties)
    train, test = x[:rows], x[rows:]
    train_labels = labels_of(rng, latent[:rows], shares)
    test_labels = labels_of(rng, latent[rows:], [s if s < 1 else 0.2 for s in shares])
    spec = {"costs": costs, "class_weight": {"1": weight, "-1": 1}, "intercept_scaling": scaling,
            "penalty": "l2", "loss": "squared_hinge", "tol": 1e-11, "dual": True,
            "max_iter": 2_000_000, "folds": folds}
    unit = lambda a: a.astype(np.float64) / (np.linalg.norm(a.astype(np.float64), axis=1, keepdims=True) + 1e-5)
    own, others = unit(train), unit(test)
    classes, number = len(shares), len(costs)
    out = {"costs": np.array(costs)}
    weights = np.zeros((classes, number, width))
    intercepts = np.zeros((classes, number))
    decisions = np.zeros((classes, number, tests))
    fold_ap = np.zeros((classes, number, folds))
    test_ap = np.zeros((classes, number))
    margin = []
    for c in range(classes):
        y = np.where(train_labels[:, c] == 1, 1, -1)
        which = np.zeros(rows, np.int64)
        for f, (_, held) in enumerate(StratifiedKFold(folds).split(own, y)):
            which[held] = f
        out[f"folds.c{c}"] = which
        for i, cost in enumerate(costs):
            for f in range(folds):
                rest, held = which != f, which == f
                if len(set(y[rest])) < 2:
                    fold_ap[c, i, f] = np.nan
                    continue
                fit = machine(own[rest], y[rest], cost, spec)
                said = fit.decision_function(own[held])
                fold_ap[c, i, f] = average_precision_score(y[held], said) if (y[held] > 0).any() else 0.0
            fit = machine(own, y, cost, spec)
            weights[c, i], intercepts[c, i] = fit.coef_[0], fit.intercept_[0]
            decisions[c, i] = fit.decision_function(others)
            sure = test_labels[:, c] != -1
            test_ap[c, i] = area(test_labels[sure, c], decisions[c, i][sure])
    crossval = fold_ap.mean(axis=2)
    chosen = [int(np.argmax(row)) for row in crossval]
    for row in crossval:
        ordered = np.sort(row)
        margin.append(bool(ordered[-1] - ordered[-2] > 1e-6) if number > 1 and np.isfinite(row).all() else False)
    pick = np.arange(classes), np.array(chosen)
    out.update({
        "crossval_ap": crossval, "chosen_cost": np.array(costs)[chosen], "test_ap": test_ap[pick],
        "weights": weights[pick], "intercepts": intercepts[pick], "decision_values": decisions[pick],
        "converged.weights": weights, "converged.intercepts": intercepts,
        "converged.decision_values": decisions, "converged.fold_ap": fold_ap,
        "converged.crossval_ap": crossval, "converged.test_ap": test_ap,
        "converged.chosen_cost": np.array(costs)[chosen],
        "train_features_normalized_row0": own[0],
    })
    inputs = {"in.train_features": train, "in.train_labels": train_labels,
              "in.test_features": test, "in.test_labels": test_labels}
    write(name, "linear SVM (VOC07 style)", spec, inputs, out, {
        "crossval_ap": 1e-6, "test_ap": 1e-6, "decision_values": 1e-5, "converged": 1e-5,
    }, {"cost_choice_checked": margin})


def lowshot(name, seed, rows, tests, width, shares, costs, ks, samples, negatives, weight):
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal((rows + tests, 8))
    x = features_of(rng, rows + tests, width, latent, False)
    train, test = x[:rows], x[rows:]
    train_labels = labels_of(rng, latent[:rows], shares)
    test_labels = labels_of(rng, latent[rows:], shares)
    spec = {"k_values": ks, "samples": samples, "costs": costs, "class_weight": {"1": weight, "-1": 1},
            "intercept_scaling": 1.0, "penalty": "l2", "loss": "squared_hinge", "tol": 1e-11,
            "dual": True, "max_iter": 2_000_000}
    unit = lambda a: a.astype(np.float64) / (np.linalg.norm(a.astype(np.float64), axis=1, keepdims=True) + 1e-5)
    own, others = unit(train), unit(test)
    inputs = {"in.train_features": train, "in.train_labels": train_labels,
              "in.test_features": test, "in.test_labels": test_labels}
    out = {"costs": np.array(costs)}
    table = np.zeros((samples, len(ks), len(costs)))
    for s in range(samples):
        for ki, k in enumerate(ks):
            drawn = np.full(train_labels.shape, -1, np.int64)
            for c in range(len(shares)):
                # Of different size by class, as a user's own files may have them.
                few = max(1, k - (c == 1))
                drawn[rng.choice(np.where(train_labels[:, c] == 1)[0], few, replace=False), c] = 1
                drawn[rng.choice(np.where(train_labels[:, c] == 0)[0], negatives * k, replace=False), c] = 0
            inputs[f"rng.targets.sample{s + 1}_k{k}"] = drawn
            for i, cost in enumerate(costs):
                aps = []
                for c in range(len(shares)):
                    used = drawn[:, c] != -1
                    fit = machine(own[used], np.where(drawn[used, c] == 1, 1, -1), cost, spec)
                    sure = test_labels[:, c] != -1
                    aps.append(area(test_labels[sure, c], fit.decision_function(others)[sure]))
                table[s, ki, i] = np.mean(aps)
            out[f"test_ap.sample{s + 1}_k{k}"] = table[s, ki]
    mean = table.mean(axis=0)
    best = mean.argmax(axis=1)
    out.update({"aggregate.mean": mean, "aggregate.max": table.max(axis=0),
                "aggregate.min": table.min(axis=0), "aggregate.std": table.std(axis=0),
                "best_cost": np.array(costs)[best], "best_map": 100 * mean.max(axis=1)})
    write(name, "low-shot linear SVM (VOC07 style)", spec, inputs, out, {"test_ap": 1e-6}, {})


def write(name, method, spec, inputs, out, bounds, more):
    tensors = {k: np.ascontiguousarray(v) for k, v in {**inputs, **out}.items()}
    table = {k: {"role": "input" if k in inputs else "expected", "dtype": str(v.dtype), "shape": list(v.shape)}
             for k, v in tensors.items()}
    exact = {"chosen_cost": {"kind": "exact", "value": 0}} if "chosen_cost" in out else {}
    about = {"case": name, "method": method, "hyper_parameters": spec,
             "tolerances": {**{k: {"kind": "absolute", "value": v} for k, v in bounds.items()}, **exact},
             **more, "versions": {"numpy": np.__version__, "sklearn": sklearn.__version__}, "tensors": table}
    folder = ROOT / "golden" / "parity"
    save_file(tensors, folder / f"{name}.safetensors")
    (folder / f"{name}.json").write_text(json.dumps(about, indent=1) + "\n")


def precisions():
    """Average precision of score lists with and without ties, by scikit-learn and by the area."""
    rng = np.random.default_rng(5)
    out = {}
    for i, (count, levels) in enumerate([(1, 0), (7, 0), (40, 0), (40, 6), (200, 15), (30, 1), (9, 0)]):
        scores = rng.standard_normal(count) if levels == 0 else rng.integers(0, levels, count) / 4
        targets = (rng.random(count) < 0.3).astype(np.int64)
        if i == 6:
            targets[:] = 1
        if targets.sum() == 0:
            targets[0] = 1
        out[f"{i}.scores"], out[f"{i}.targets"] = scores.astype(np.float64), targets
        out[f"{i}.step"] = np.array([average_precision_score(targets, scores)])
        out[f"{i}.area"] = np.array([area(targets, scores)])
    folds = {}
    for i, (count, share, k) in enumerate([(30, 0.3, 3), (31, 0.1, 3), (17, 0.4, 5), (9, 0.2, 2), (50, 0.04, 3)]):
        y = np.where(rng.random(count) < share, 1, -1)
        y[rng.integers(0, count)] = 1
        which = np.zeros(count, np.int64)
        for f, (_, held) in enumerate(StratifiedKFold(k).split(y, y)):
            which[held] = f
        folds[f"folds{i}.labels"], folds[f"folds{i}.folds"] = y.astype(np.int64), which
        folds[f"folds{i}.count"] = np.array([k])
    target = ROOT / "golden" / "svm"
    target.mkdir(exist_ok=True)
    save_file({**out, **folds}, target / "precision.safetensors")


if __name__ == "__main__":
    precisions()
    # Other costs, five folds, another weight and scaling; a class of two positives: folds without any.
    voc07("svm_five_folds", 1, 90, 50, 24, [0.3, 2, 0.5], [0.01, 3.0, 50.0, 0.2], 5, 3.5, 2.0)
    # More features than images, every image twice, a single cost in doubt, one positive in all.
    voc07("svm_ties", 2, 60, 40, 80, [0.25, 1, 0.4], [1.0, 1000.0, 1e-5], 3, 2, 0.5, ties=True)
    # One feature, two folds.
    voc07("svm_one_feature", 3, 40, 30, 1, [0.5], [1.0, 0.1], 2, 2, 1.0)
    lowshot("svm_lowshot_uneven", 4, 120, 60, 40, [0.3, 0.2, 0.25], [1.0, 100.0, 0.004, 0.1], [1, 3, 5], 2, 6, 2)
    print("written", file=sys.stderr)
