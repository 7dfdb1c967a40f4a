"""Write parity cases of several ranks: any number of them, also with batches of different sizes.

    python tools/torch/rank_fixtures.py --out golden/parity
    python tools/torch/rank_fixtures.py --random 12 --seed 1 --out DIR

The first writes the cases of `CASES`, the second as many drawn at random. The format is that of the reference's cases of two
ranks (`simclr_ranks`, `simclr_ranks_syncbn`, `sync_bn`, `memory_ranks`), the numbers are ours, from definitions in plain PyTorch
in one process: a rank's own batch norm sees its batch alone, sync batch norm the batches of all put together; gradients are
means over ranks; memories take what all ranks have, in their order. `noise` is the distance to the same run in float64.
"""
import copy

import network_fixtures as networks
import sync_bn_fixture as norms
import torch
import torch.nn.functional as F

CASES = {
    "simclr_ranks3": {"kind": "simclr", "ranks": 3, "batch": 2, "norm": "BN"},
    "simclr_ranks12_syncbn": {"kind": "simclr", "ranks": 12, "batch": 1, "norm": "SyncBN"},
    "memory_ranks_unequal": {"kind": "memory", "batches": [[1, 4, 2], [3, 1, 1], [5, 2, 1]]},
    "sync_bn_ranks12": {
        "kind": "sync_bn",
        "layers": {
            "bn1d": ([1, 2, 1, 3, 1, 1, 4, 1, 1, 2, 1, 1], [3], {}),
            "bn2d": ([1, 1, 2, 1, 1, 1, 1, 5, 1, 1, 1, 1], [2, 1, 1], {"momentum": 0.3}),
        },
    },
}
SMALL = {"type": "NarrowResNet", "base_width": 2, "depth": 18, "in_channels": 1}


def simclr(name, case, seed):
    """One step of SimCLR. The loss is the same on all ranks, and each has the gradient of its own rows alone."""
    ranks, each = case["ranks"], case["batch"]
    neck = {"type": "NonLinearNeckSimCLR", "hid_channels": 6, "out_channels": 5, "num_layers": 2}
    neck |= {"sync_bn": case["norm"] == "SyncBN", "with_bias": False, "with_last_bn": True}
    network = {
        **{"steps": 1, "batch": ranks * each, "size": 24},
        "backbone": {**SMALL, "num_stages": 2, "strides": [1, 2], "dilations": [1, 1]}
        | {"out_indices": [2], "norm_cfg": {"type": case["norm"]}},
        "neck": {**neck, "with_avg_pool": True},
    }
    def run(attempt):
        model, images, _ = networks.initial(network, attempt)
        double = copy.deepcopy(model).double()
        others = [record(m, images.double(), case) for m in (double, networks.jittered(double))]
        return record(model, images, case), others

    tensors, noise, zero = networks.quietest(seed, run)
    described = networks.description(name, network, tensors, noise, zero)
    described["hyper_parameters"] |= {"batch": each, "norm": case["norm"]}
    return tensors, described | {"world_size": ranks}


def record(start, images, case):
    """`step1.*` of all ranks and `rankR.*` of each."""
    model, ranks, tensors = copy.deepcopy(start), case["ranks"], {}

    def keep(name, value):
        tensors[name] = value.detach().reshape(value.shape or (1,)).clone().contiguous()

    for name, value in model.state_dict().items():
        keep(f"init.{name}", value)
    parts = images[0].split(case["batch"])
    for rank, part in enumerate(parts):
        keep(f"rank{rank}.in.step1.img", part)
    model.train()
    buffers = {n: b.clone() for n, b in model.named_buffers()}
    after = []
    if case["norm"] == "SyncBN":
        rows = list(model.neck(model.backbone(images[0].flatten(0, 1))).split(2 * case["batch"]))
        after = [dict(model.named_buffers())]
    else:
        rows = []
        for part in parts:
            for name, buffer in model.named_buffers():
                buffer.data = buffers[name].clone()
            rows.append(model.neck(model.backbone(part.flatten(0, 1))))
            after.append({n: b.clone() for n, b in model.named_buffers()})
    loss = networks.contrast(torch.cat(rows))
    optimizer = torch.optim.SGD(model.parameters(), **networks.SGD)
    (loss / ranks).backward()
    for rank, z in enumerate(rows):
        keep(f"rank{rank}.step1.out.loss", loss)
        keep(f"rank{rank}.step1.out.neck", z)
    for name, value in model.named_parameters():
        keep(f"step1.grad.{name}", value.grad)
    optimizer.step()
    for name, value in model.named_parameters():
        keep(f"step1.state.{name}", value)
    for rank, own in enumerate(after):
        prefix = "" if len(after) == 1 else f"rank{rank}."
        for name, value in own.items():
            keep(f"{prefix}step1.state.{name}", value)
    return tensors


LENGTH, WIDTH, CLASSES = 30, 6, 4


def remember(case, seed, dtype):
    """Banks of NPID and ODC fed by ranks whose batches may differ, from one step to the next too."""
    torch.manual_seed(seed)
    tensors = {}

    def keep(name, value):
        value = torch.as_tensor(value)
        tensors[name] = value.reshape(value.shape or (1,)).clone().contiguous()

    bank = F.normalize(torch.randn(LENGTH, WIDTH))
    features, labels = torch.randn(LENGTH, WIDTH), torch.arange(LENGTH) % CLASSES
    keep("init.npid.feature_bank", bank)
    keep("in.odc.init_feature", features)
    keep("in.odc.init_label", labels)
    bank, features, labels = bank.to(dtype), F.normalize(features.to(dtype)), labels.clone()

    def means():
        return torch.stack([features[labels == c].mean(0) for c in range(CLASSES)])

    centroids = means()
    keep("odc.init.feature_bank", features)
    keep("odc.init.centroids", centroids)
    for step, counts in enumerate(case["batches"], 1):
        places = torch.randperm(LENGTH)[: sum(counts)]
        fresh = torch.randn(sum(counts), WIDTH)
        parts = zip(places.split(counts), fresh.split(counts), strict=True)
        for rank, (at, rows) in enumerate(parts):
            keep(f"rank{rank}.in.step{step}.ind", at)
            keep(f"rank{rank}.in.step{step}.feature", rows)
        unit = F.normalize(fresh.to(dtype))
        bank[places] = F.normalize(0.5 * bank[places] + 0.5 * unit)
        rows = F.normalize(0.5 * features[places] + 0.5 * unit)
        features[places] = rows
        nearest = (rows @ centroids.T).argmax(1)
        ratio = (nearest != labels[places]).to(dtype).mean()
        labels[places] = nearest
        centroids = means()
        keep(f"step{step}.npid.feature_bank", bank)
        keep(f"step{step}.odc.change_ratio", ratio)
        keep(f"step{step}.odc.label_bank", labels)
        keep(f"step{step}.odc.centroids", centroids)
        keep(f"step{step}.odc.feature_bank", features)
    return tensors


def memory(name, case, seed):
    tensors, double = (remember(case, seed, dtype) for dtype in (torch.float32, torch.float64))
    expected = [n for n in tensors if n.startswith(("step", "odc."))]
    noise = max(
        float((tensors[n].double() - double[n]).abs().max() / double[n].abs().max())
        for n in expected
        if tensors[n].is_floating_point()
    )
    return tensors, {
        "case": name,
        "method": "npid and odc memory banks, several ranks",
        "world_size": len(case["batches"][0]),
        "reference": {"script": "tools/torch/rank_fixtures.py"},
        "hyper_parameters": {
            **{"length": LENGTH, "dim": WIDTH, "classes": CLASSES, "steps": len(case["batches"])},
            **{"npid_momentum": 0.5, "odc_momentum": 0.5},
        },
        "tolerances": {"all": {"kind": "relative_to_max", "value": 1e-5}},
        "noise": {"all": float(f"{noise:.2g}")},
        "versions": {"torch": torch.__version__},
        "tensors": networks.table(tensors, expected),
    }


def sync_bn(name, case, seed):
    norms.NAME, norms.LAYERS, norms.SEED = name, case["layers"], seed
    norms.RANKS = len(next(iter(case["layers"].values()))[0])
    tensors, double = norms.record(torch.float32), norms.record(torch.float64)
    described = norms.description(tensors, double)
    described["tolerances"]["all"]["value"] = max(1e-5, 5 * described["noise"]["all"])
    return tensors, described


def drawn(pick):
    """A case of some kind, over some ranks, small enough to be run in a second."""
    ranks = pick.choice([2, 3, 4, 5, 6, 8, 12])
    kind = pick.choice(["simclr", "memory", "sync_bn"])
    if kind == "simclr":
        return {"kind": kind, "ranks": ranks, "batch": pick.choice([2, 3]), "norm": pick.choice(["BN", "SyncBN"])}
    if kind == "memory":
        most = max(1, LENGTH // ranks)
        batches = [[pick.randint(1, min(4, most)) for _ in range(ranks)] for _ in range(3)]
        return {"kind": kind, "batches": batches}
    layers = {}
    for i in range(3):
        counts = [pick.choice([1, 1, 2, 7]) for _ in range(ranks)]
        shape = pick.choice([[5], [3, 4], [4, 1, 1], [4, 3, 2]])
        options = pick.choice([{}, {"momentum": 0.01}, {"affine": False}])
        layers[f"layer{i}"] = ([3, *counts[1:]], shape, options)
    return {"kind": kind, "layers": layers}


MAKERS = {"simclr": simclr, "memory": memory, "sync_bn": sync_bn}


def make(name, case, seed):
    tensors, described = MAKERS[case["kind"]](name, case, seed)
    expected = [n for n in tensors if ".in." not in n and not n.startswith(("init.", "in."))]
    return tensors, described | {"case": name, "tensors": networks.table(tensors, expected)}


if __name__ == "__main__":
    networks.write(__doc__, CASES, drawn, make, "ranks")
