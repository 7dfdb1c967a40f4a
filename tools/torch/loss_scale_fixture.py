"""Write golden/loss_scale/torch.json: what torch.amp.GradScaler does with gradients that overflow now and then.

    python tools/torch/loss_scale_fixture.py --out golden/loss_scale/torch.json

The loss of a step is the inner product of the weights and of inputs whose size changes by powers of ten, so its
gradient, the inputs times the scale, leaves the range of float32 at some scales and not at others. Every number is a
pure function of this file and of the PyTorch version, which the file names.
"""
import argparse
import json
import pathlib

import torch

COUNT, STEPS, SEED = 5, 40, 1
# The gradients are as large; a smaller rate would not be a normal float32.
RATE = 1e-36
SCALERS = {
    "halves_and_doubles": {"init_scale": 65536.0, "growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 3},
    "grows_each_time": {"init_scale": 1024.0, "growth_factor": 4.0, "backoff_factor": 0.25, "growth_interval": 1},
    "no_powers_of_two": {"init_scale": 3000.0, "growth_factor": 1.5, "backoff_factor": 0.75, "growth_interval": 2},
    "stays": {"init_scale": 512.0, "growth_factor": 1.0 + 2.0**-52, "backoff_factor": 1.0 - 2.0**-53, "growth_interval": 10**9},
}
OPTIMIZERS = {
    "plain": (torch.optim.SGD, {"lr": RATE, "momentum": 0.0}),
    "momentum": (torch.optim.SGD, {"lr": RATE, "momentum": 0.9}),
    "nesterov": (torch.optim.SGD, {"lr": RATE, "momentum": 0.9, "nesterov": True}),
    "dampened": (torch.optim.SGD, {"lr": RATE, "momentum": 0.9, "dampening": 0.5}),
}


def inputs():
    generator = torch.Generator().manual_seed(SEED)
    sizes = torch.randint(30, 37, (STEPS, 1), generator=generator).double()
    sizes[0] = 36  # the first step overflows: there is no momentum yet
    signs = torch.randn(STEPS, COUNT, generator=generator).double()
    return (signs * 10**sizes).float()


def run(kind, settings, scaling, rows):
    weights = torch.nn.Parameter(torch.linspace(-1, 1, COUNT))
    optimizer = kind([weights], **settings)
    scaler = torch.amp.GradScaler("cpu", **scaling)
    steps = []
    for row in rows:
        before = scaler.get_scale()
        scaler.scale((weights * row).sum()).backward()
        scaler.unscale_(optimizer)
        finite = bool(torch.isfinite(weights.grad).all())
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
        state = optimizer.state[weights].get("momentum_buffer") if weights in optimizer.state else None
        steps.append({
            "scale": before,
            "skipped": not finite,
            "next": scaler.get_scale(),
            "tracker": scaler.state_dict()["_growth_tracker"],
            "weights": weights.detach().double().tolist(),
            "momentum": None if state is None else state.double().tolist(),
        })
    return steps


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    out = parser.parse_args().out
    rows = inputs()
    cases = [
        {
            "name": f"{scaler}, {optimizer}",
            "scaling": scaling,
            "optimizer": {key: value for key, value in settings.items()},
            "steps": run(kind, settings, scaling, rows),
        }
        for scaler, scaling in SCALERS.items()
        for optimizer, (kind, settings) in OPTIMIZERS.items()
        if scaler == "halves_and_doubles" or optimizer == "momentum"
    ]
    whole = {"torch": torch.__version__.split("+")[0], "inputs": rows.double().tolist(), "cases": cases}
    out.write_text(json.dumps(whole) + "\n")
    for case in cases:
        print(case["name"], sum(step["skipped"] for step in case["steps"]), "of", STEPS, "skipped",
              sorted({step["scale"] for step in case["steps"]}))


if __name__ == "__main__":
    main()
