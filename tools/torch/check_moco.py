"""Hold moco_cifar10.py's MoCo to the original code's step on two replicas with shuffled batches.

    python tools/torch/check_moco.py --parity ../shared/parity

Prints the largest difference of every group relative to its largest value; ends with 1 above the bound.
"""
import argparse
import json
import pathlib
import types

import torch
from safetensors.torch import load_file

from moco_cifar10 import MoCo
from traces import Batch


def apart(value, expected):
    return ((value - expected).abs().max() / expected.abs().max().clamp_min(1e-12)).item()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parity", type=pathlib.Path, required=True)
    folder = parser.parse_args().parity
    case = json.loads((folder / "moco_ranks.json").read_text())
    spec, tensors = case["hyper_parameters"], load_file(folder / "moco_ranks.safetensors")
    ranks = range(case["world_size"])
    trace = types.SimpleNamespace(
        replicas=len(ranks),
        depth=spec["depth"],
        width=spec["width"] / 64,
        stem="imagenet",
        precision="fp32",
        queue=spec["queue_len"],
        temperature=spec["temperature"],
        keyMomentum=spec["momentum"],
        momentum=spec["optimizer"]["momentum"],
        weightDecay=spec["optimizer"]["weight_decay"],
        normalise=lambda images: images,  # the fixture's images are floats already
    )
    state = {n[5:]: v for n, v in tensors.items() if n.startswith("init.")}
    model = MoCo(trace, state)
    images = torch.cat([tensors[f"rank{r}.in.step1.img"] for r in ranks])
    shuffle = tensors["rng.step1.idx_shuffle"].long()
    loss = model.step(Batch((images[:, 0], images[:, 1]), shuffle), spec["optimizer"]["lr"])
    mean = torch.stack([tensors[f"rank{r}.step1.out.loss"] for r in ranks]).mean()
    worst = {"loss": apart(torch.tensor(loss), mean), "state": 0.0, "update": 0.0}
    for name, value in model.weights().items():
        expected = tensors.get(f"step1.state.{name}", tensors.get(f"rank0.step1.state.{name}"))
        if expected is None or not expected.is_floating_point():
            continue
        value = value.t() if name == "queue" else value
        worst["state"] = max(worst["state"], apart(value, expected))
        if name in state and name != "queue":
            update = apart(value - state[name], expected - state[name])
            worst["update"] = max(worst["update"], update)
    print(json.dumps(worst))
    raise SystemExit(0 if worst["loss"] < 1e-4 and worst["state"] < 1e-4 else 1)


if __name__ == "__main__":
    main()
