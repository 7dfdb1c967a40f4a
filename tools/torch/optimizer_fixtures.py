"""Write parity cases of optimizers and learning-rate schedules with the options that the reference's own cases lack.

    python tools/torch/optimizer_fixtures.py --out golden/parity

The format is that of the reference's cases, but the numbers are ours: torch.optim.SGD, Adam and AdamW themselves with one
group for each parameter, LARS by its formula (docs/reference/methods.md, section 3.3), mmcv's schedules by theirs
(section 3.4, and the documentation of mmcv 1.0.3) in float64. Every tensor is a pure function of this file and of the PyTorch version.
"""
import argparse
import json
import math
import pathlib
import re

import torch
from safetensors.torch import save_file

STEPS = 5
SHAPES = {
    "conv1.weight": [4, 3, 3, 3],
    "bn1.weight": [4],
    "bn1.bias": [4],
    "neck.mlp.0.weight": [6, 4],
    "neck.mlp.0.bias": [6],
    "neck.mlp.1.weight": [6],
    "head.fc_cls.weight": [5, 6],
    "head.fc_cls.bias": [5],
}
EXCLUDED = {"weight_decay": 0.0, "lars_exclude": True}
# name: (optimizer, its config, options by pattern, gradient clipping). `norm_decay_mult` is in configs of the reference, where it matches nothing.
OPTIMIZERS = {
    "sgd_dampening": (
        "sgd",
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.4, "weight_decay": 0.05},
        {
            r"\Aneck\.": {"lr_mult": 10, "weight_decay_mult": 0.1},
            r"\Ahead\.": {"momentum_mult": 0.5, "dampening_mult": 2},
            r"bias\Z": {"weight_decay": 0.0, "lr": 0.02, "dampening": 0.0},
            "norm_decay_mult": 0.0,
        },
        {"max_norm": 2.5, "norm_type": 1.0},
    ),
    "sgd_nesterov": (
        "sgd",
        {"lr": 0.1, "momentum": 0.8, "weight_decay": 0.05, "nesterov": True},
        {
            r"(?P<part>neck|head)\.": {"momentum": 0.0},
            r"mlp\.0": {"momentum": 0.5, "nesterov": False},
            r"mlp\.1": {"momentum_mult": 0.25, "lr_mult": 3.0, "dampening": 0.3},
        },
        {"max_norm": 3.0, "norm_type": 3},
    ),
    "sgd_plain": ("sgd", {"lr": 0.1}, {}, None),
    "lars_nesterov": (
        "lars",
        {"lr": 0.2, "momentum": 0.9, "weight_decay": 0.01, "eta": 0.02, "nesterov": True},
        {
            r"(bn|gn)(\d+)?.(weight|bias)": EXCLUDED,
            "bias": EXCLUDED,
            r"\Aneck\.mlp\.1": {"eta_mult": 0.1, "weight_decay_mult": 4},
            r"\Ahead\.": {"eta": 0.05, "nesterov": False, "lr_mult": 0.5},
        },
        {"max_norm": 1.0, "norm_type": "inf"},
    ),
    "lars_dampening": (
        "lars",
        {"lr": 0.2, "momentum": 0.9, "weight_decay": 0.01, "dampening": 0.5},
        {"bn1": EXCLUDED, r"\Ahead\.": {"momentum_mult": 0.5, "lr": 0.05}},
        None,
    ),
    "adam": (
        "adam",
        {"lr": 0.01, "betas": [0.8, 0.99], "eps": 1e-6, "weight_decay": 0.05},
        {r"\Aneck\.": {"lr_mult": 4, "weight_decay_mult": 0}, "bias": {"lr": 0.001}},
        {"max_norm": 2.0},
    ),
    "adamw": ("adamw", {"lr": 0.01}, {r"\Ahead\.": {"weight_decay_mult": 10, "lr_mult": 2}}, None),
}
DEFAULTS = {
    "sgd": {"momentum": 0, "dampening": 0, "weight_decay": 0, "nesterov": False},
    "lars": {"momentum": 0, "dampening": 0, "weight_decay": 0, "nesterov": False, "eta": 0.001},
    "adam": {"betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0},
    "adamw": {"betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.01},
}
CLASSES = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


class Lars:
    """The rate is inside the momentum; no gradient of a norm of 0 is in these cases."""

    def __init__(self, groups):
        self.groups, self.buffers = groups, {}

    def step(self):
        for index, group in enumerate(self.groups):
            (w,) = group["params"]
            decayed = w.grad + group["weight_decay"] * w.data
            size = w.grad.norm() + group["weight_decay"] * w.data.norm()
            local = 1.0 if group.get("lars_exclude") else group["eta"] * w.data.norm() / size
            update = decayed * local * group["lr"]
            if group["momentum"] != 0:
                before = self.buffers.get(index)
                kept = group["momentum"]
                buffer = update.clone() if before is None else kept * before + (1 - group["dampening"]) * update
                self.buffers[index] = buffer
                update = update + kept * buffer if group["nesterov"] else buffer
            w.data -= update


def options_of(name, base, patterns):
    """What the options say of a parameter: all that are found in its name, in their order."""
    options = dict(base)
    for pattern, entry in patterns.items():
        if re.search(pattern, name) is None:
            continue
        for key, value in entry.items():
            kind = key.removesuffix("_mult")
            options[kind] = base[kind] * value if kind != key else value
    return options


def optimizer_case(seed, kind, config, patterns, clip, dtype):
    generator = torch.Generator().manual_seed(seed)
    draw = lambda shape: torch.randn(shape, generator=generator, dtype=torch.float32).to(dtype)
    weights = {name: torch.nn.Parameter(draw(shape)) for name, shape in SHAPES.items()}
    base = {**DEFAULTS[kind], **config}
    groups = [{"params": [w], **options_of(name, base, patterns)} for name, w in weights.items()]
    optimizer = Lars(groups) if kind == "lars" else CLASSES[kind](groups, **base)
    rates = [group["lr"] for group in (groups if kind == "lars" else optimizer.param_groups)]
    each = [base["lr"] * share for share in (1, 1, 0.5, 0.5, 2)]
    tensors = {f"init.{name}": w.detach().clone() for name, w in weights.items()}
    for step, rate in enumerate(each, 1):
        for group, own in zip(groups if kind == "lars" else optimizer.param_groups, rates):
            group["lr"] = own / base["lr"] * rate
        for name, w in weights.items():
            w.grad = draw(w.shape) * 0.3
            tensors[f"in.step{step}.grad.{name}"] = w.grad.clone()
        if clip is not None:
            order = float(clip.get("norm_type", 2))
            torch.nn.utils.clip_grad_norm_(weights.values(), clip["max_norm"], norm_type=order)
        optimizer.step()
        for index, (name, w) in enumerate(weights.items()):
            tensors[f"step{step}.state.{name}"] = w.detach().clone()
            state = {"momentum_buffer": optimizer.buffers.get(index)} if kind == "lars" else optimizer.state[w]
            for key in ("momentum_buffer", "exp_avg", "exp_avg_sq"):
                if state.get(key) is not None:
                    tensors[f"step{step}.{key}.{name}"] = state[key].clone()
    return tensors, each


def annealed(start, end, share):
    return end + 0.5 * (start - end) * (math.cos(math.pi * share) + 1)


def regular(config, base, iteration, epochs, length):
    """mmcv's rate without warm-up."""
    by_epoch = config.get("by_epoch", config["policy"] != "cyclic")
    now, last = (iteration // length, epochs) if by_epoch else (iteration, epochs * length)
    policy, gamma, power = config["policy"], config.get("gamma", 0.1), config.get("power", 1.0)
    if policy == "step":
        step = config["step"]
        if isinstance(step, int):
            return base * gamma ** (now // step)
        ahead = [i for i, milestone in enumerate(step) if now < milestone]
        return base * gamma ** (ahead[0] if ahead else len(step))
    if policy == "exp":
        return base * gamma**now
    if policy == "poly":
        floor = config.get("min_lr", 0.0)
        return (base - floor) * (1 - now / last) ** power + floor
    if policy == "inv":
        return base * (1 + gamma * now) ** -power
    if policy == "CosineAnnealing":
        end = base * config["min_lr_ratio"] if "min_lr_ratio" in config else config["min_lr"]
        return annealed(base, end, now / last)
    if policy == "cyclic":
        target = config.get("target_ratio", (10, 1e-4))
        target = [target] if isinstance(target, float) else list(target)
        top, end = target if len(target) == 2 else (target[0], target[0] / 1e5)
        period = last // config.get("cyclic_times", 1)
        rise, at = int(config.get("step_ratio_up", 0.4) * period), now % period
        if at < rise:
            return annealed(base, base * top, at / rise)
        return annealed(base * top, base * end, (at - rise) / (period - rise))
    return base


def rate(config, base, iteration, epochs, length):
    plain = regular(config, base, iteration, epochs, length)
    until = config.get("warmup_iters", 0) * (length if config.get("warmup_by_epoch") else 1)
    if config.get("warmup") is None or iteration >= until:
        return plain
    ratio, left = config.get("warmup_ratio", 0.1), 1 - iteration / until
    shares = {"constant": ratio, "linear": 1 - left * (1 - ratio), "exp": ratio**left}
    return plain * shares[config["warmup"]]


POLICIES = {
    "fixed": {"policy": "fixed"},
    "fixed_exp": {"policy": "Fixed", "warmup": "exp", "warmup_iters": 9, "warmup_ratio": 0.01},
    "step_every": {"policy": "step", "step": 2, "gamma": 0.5},
    "step_every_iteration": {"policy": "step", "step": 5, "by_epoch": False},
    "step_iterations": {"policy": "step", "step": [7, 20], "gamma": 0.3, "by_epoch": False},
    "step_unsorted": {"policy": "step", "step": [4, 2, 5]},
    "exp": {"policy": "exp", "gamma": 0.9},
    "exp_iterations": {"policy": "exp", "gamma": 0.97, "by_epoch": False, "warmup": "constant", "warmup_iters": 4},
    "poly": {"policy": "poly"},
    "poly_power": {"policy": "poly", "power": 0.9, "min_lr": 1e-3, "warmup": "linear", "warmup_iters": 2, "warmup_by_epoch": True},
    "poly_iterations": {"policy": "poly", "power": 2.0, "min_lr": 1e-4, "by_epoch": False},
    "inv": {"policy": "inv", "gamma": 0.2, "power": 0.75},
    "inv_iterations": {"policy": "inv", "gamma": 0.1, "by_epoch": False, "warmup": "linear", "warmup_iters": 10},
    "cosine_ratio": {"policy": "CosineAnnealing", "min_lr_ratio": 0.01},
    "cosine_ratio_iterations": {"policy": "CosineAnnealing", "min_lr_ratio": 0.1, "by_epoch": False, "warmup": "exp", "warmup_iters": 6, "warmup_ratio": 0.2},
    "cosine_floor": {"policy": "CosineAnnealing", "min_lr": 0.02, "by_epoch": False, "warmup": "constant", "warmup_iters": 1, "warmup_by_epoch": True},
    "cyclic": {"policy": "cyclic"},
    "cyclic_options": {"policy": "cyclic", "by_epoch": False, "target_ratio": [5, 0.1], "cyclic_times": 4, "step_ratio_up": 0.3, "warmup": "linear", "warmup_iters": 3},
    "cyclic_down": {"policy": "cyclic", "target_ratio": 8.0, "cyclic_times": 2, "step_ratio_up": 0.0},
}


def schedules():
    epochs, length, base = 6, 5, 0.3
    tensors = {
        f"lr.{name}": torch.tensor([rate(config, base, t, epochs, length) for t in range(epochs * length)], dtype=torch.float64)
        for name, config in POLICIES.items()
    }
    runs = {name: {"lr_config": config, "base_lr": base, "epochs": epochs, "iters_per_epoch": length} for name, config in POLICIES.items()}
    return tensors, {"method": "learning-rate schedules", "schedules": runs}


def write(folder, name, tensors, description, tolerance):
    kinds = lambda key: "input" if key.startswith(("in.", "init.")) else "expected"
    table = {
        key: {"role": kinds(key), "dtype": str(value.dtype).removeprefix("torch."), "shape": list(value.shape)}
        for key, value in tensors.items()
    }
    case = {
        "case": name,
        **description,
        "reference": {"script": "tools/torch/optimizer_fixtures.py"},
        "tolerances": {"all": tolerance},
        "versions": {"torch": torch.__version__},
        "tensors": table,
    }
    save_file(tensors, folder / f"{name}.safetensors")
    (folder / f"{name}.json").write_text(json.dumps(case, separators=(",", ":")) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    folder = parser.parse_args().out
    torch.use_deterministic_algorithms(True)
    for seed, (name, (kind, config, patterns, clip)) in enumerate(OPTIMIZERS.items()):
        tensors, each = optimizer_case(seed, kind, config, patterns, clip, torch.float32)
        double, _ = optimizer_case(seed, kind, config, patterns, clip, torch.float64)
        noise = max(float((tensors[key].double() - double[key]).abs().max() / double[key].abs().max()) for key in tensors)
        hook = {} if clip is None else {"optimizer_config": {"grad_clip": clip}}
        parameters = {"optimizer": config, "paramwise_options": patterns, "lr_of_each_step": each, **hook}
        description = {"method": kind, "hyper_parameters": parameters, "noise": {"all": float(f"{noise:.2g}")}}
        write(folder, name, tensors, description, {"kind": "relative_to_max", "value": 1e-5})
    write(folder, "lr_policies", *schedules(), {"kind": "relative", "value": 1e-9, "absolute": 1e-12})


if __name__ == "__main__":
    main()
