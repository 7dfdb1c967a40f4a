"""Writes files of weights as known programs lay them out, with a ResNet-18 of 1/64 of the usual width.

    python tools/torch/layout_fixtures.py golden/weights

NAME.pth.gz is what the program's own code would have saved: wrappers, heads, queues, optimizers and other encoders
beside the backbone. The tensors of the encoder that the program's evaluation takes are filled with 1, 2, 3, … in their
order, those of every other one with negative numbers. Names come from torchvision's ResNet. Every second file is of the
format before PyTorch 1.6, whose bytes hold places in memory and differ from run to run. golden/mutations/pretrained.pth
is a MoCo checkpoint of odd precisions and strides.
"""

import collections
import gzip
import io
import sys
from pathlib import Path

import torch
import torchvision

out = Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)
torch.manual_seed(0)


def narrow(resnet, sign):
    """The state dictionary of a ResNet without its head, each tensor of one number, with 1/64 of the channels."""
    resnet.fc = torch.nn.Identity()
    state = collections.OrderedDict()
    for place, (name, value) in enumerate(resnet.state_dict().items()):
        shape = [n // 64 if n % 64 == 0 else n for n in value.shape]
        state[name] = torch.full(shape, sign * (place + 1), dtype=value.dtype)
    return state


def backbone(sign=1):
    return narrow(torchvision.models.resnet18(), sign)


def numbered(state, parts=("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")):
    """As torch.nn.Sequential(*children) names them."""
    places = {part: str(place) for place, part in enumerate(parts)}
    return {".".join([places[name.split(".")[0]], *name.split(".")[1:]]): value for name, value in state.items()}


def under(prefix, state):
    return {prefix + name: value for name, value in state.items()}


def linear(prefix, layers=1):
    net = torch.nn.Linear(8, 4) if layers == 1 else torch.nn.Sequential(
        torch.nn.Linear(8, 4), torch.nn.BatchNorm1d(4), torch.nn.ReLU(), torch.nn.Linear(4, 4)
    )
    return under(prefix, net.state_dict())


def optimizer():
    net = torch.nn.Linear(3, 2)
    sgd = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    net(torch.ones(1, 3)).sum().backward()
    sgd.step()
    return sgd.state_dict()


count = 0


def save(name, value):
    global count
    count += 1
    raw = io.BytesIO()
    torch.save(value, raw, _use_new_zipfile_serialization=count % 2 == 1)
    (out / f"{name}.pth.gz").write_bytes(gzip.compress(raw.getvalue(), 9, mtime=0))


queue = {"queue": torch.ones(4, 2), "queue_ptr": torch.zeros(1, dtype=torch.long)}

save("torchvision", collections.OrderedDict({**backbone(), **linear("fc.")}))
save("timm", {"state_dict": {**backbone(), **linear("fc.")}, "epoch": 3, "arch": "resnet18"})
save("timm_ema", {"state_dict": {**backbone(), **linear("fc.")}, "state_dict_ema": {**backbone(-1), **linear("fc.")}})
save("openselfsup_backbone", {"state_dict": backbone(), "author": "OpenSelfSup"})
save(
    "openselfsup_moco",
    {
        "meta": {"epoch": 200, "iter": 1000},
        "state_dict": collections.OrderedDict(
            {
                **under("encoder_q.0.", backbone()), **linear("encoder_q.1.mlp.", 2),
                **under("encoder_k.0.", backbone(-1)), **linear("encoder_k.1.mlp.", 2),
                **under("backbone.", backbone()), **queue,
            }
        ),
        "optimizer": optimizer(),
    },
)
save(
    "openselfsup_byol",
    {
        "state_dict": {
            **under("online_net.0.", backbone()), **linear("online_net.1.fc0."),
            **under("target_net.0.", backbone(-1)), **linear("target_net.1.fc0."),
            **under("backbone.", backbone()), **linear("head.predictor.fc0."),
        },
    },
)
save("mmselfsup_simclr", {"state_dict": {**under("backbone.", backbone()), **linear("neck.fc0."), **linear("head.fc.")}})
save(
    "mmselfsup_moco",
    {
        "state_dict": {
            **under("backbone.", backbone()), **linear("neck.mlp.", 2),
            **under("encoder_k.module.0.", backbone(-1)), **linear("encoder_k.module.1.mlp.", 2), **queue,
        },
    },
)
save(
    "mmselfsup_byol",
    {
        "state_dict": {
            **under("backbone.", backbone()), **linear("neck.fc0."), **linear("head.predictor.fc0."),
            **under("target_net.module.0.", backbone(-1)), **linear("target_net.module.1.fc0."),
            "target_net.steps": torch.tensor(3),
        },
    },
)
save("mmpretrain", {"state_dict": {**under("backbone.", backbone()), **linear("head.fc.")}, "meta": {}})
save(
    "moco_v1",
    {
        "epoch": 200, "arch": "resnet18",
        "state_dict": {
            **under("module.encoder_q.", backbone()), **linear("module.encoder_q.fc."),
            **under("module.encoder_k.", backbone(-1)), **linear("module.encoder_k.fc."),
            **under("module.", queue),
        },
        "optimizer": optimizer(),
    },
)
save(
    "moco_v2_released",
    {"state_dict": {**under("module.encoder_q.", backbone()), **linear("module.encoder_q.fc.", 2)}, "epoch": 800},
)
save(
    "moco_v3",
    {
        "state_dict": {
            **under("module.base_encoder.", backbone()), **linear("module.base_encoder.fc.", 2),
            **under("module.momentum_encoder.", backbone(-1)), **linear("module.momentum_encoder.fc.", 2),
            **linear("module.predictor.", 2),
        },
        "optimizer": optimizer(), "scaler": {"scale": 65536.0},
    },
)
save(
    "densecl",
    {
        "state_dict": {
            **under("encoder_q.0.", backbone()), **linear("encoder_q.1.mlp.", 2), **linear("encoder_q.1.mlp2.", 2),
            **under("encoder_k.0.", backbone(-1)), **linear("encoder_k.1.mlp.", 2),
            **under("backbone.", backbone()), **queue, "queue2": torch.ones(4, 2), "queue2_ptr": torch.zeros(1, dtype=torch.long),
        },
    },
)
vissl = {**under("_feature_blocks.", backbone())}
save(
    "vissl",
    {
        "phase_idx": 100, "iteration": 5, "loss": {},
        "classy_state_dict": {"base_model": {"model": {"trunk": vissl, "heads": linear("0.clf.0.")}, "meters": {}}},
    },
)
save("vissl_model_state_dict", {"model_state_dict": under("_feature_blocks.", backbone())})
save(
    "solo_learn",
    {
        "epoch": 999, "state_dict": {
            **under("backbone.", backbone()), **linear("classifier."), **linear("projector.", 2), **linear("predictor.", 2),
            **under("momentum_backbone.", backbone(-1)), **linear("momentum_projector.", 2),
        },
        "optimizer_states": [optimizer()], "lr_schedulers": [], "callbacks": {},
    },
)
save(
    "solo_learn_before_1_0_3",
    {
        "state_dict": {
            **under("encoder.", backbone()), **linear("classifier."), **linear("projector.", 2),
            **under("momentum_encoder.", backbone(-1)), **linear("momentum_projector.", 2), **queue,
        },
    },
)
save("lightly", {"state_dict": {**under("backbone.", numbered(backbone())), **linear("projection_head.layers.", 2)}})
save(
    "lightly_momentum",
    {
        "state_dict": {
            **under("backbone.", numbered(backbone())), **linear("projection_head.layers.", 2),
            **under("backbone_momentum.", numbered(backbone(-1))), **linear("projection_head_momentum.layers.", 2),
        },
    },
)
close = ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4")
save("lightly_resnet_generator", {"state_dict": under("backbone.", numbered(backbone(), close))})
save("barlow_twins", {"epoch": 5, "model": {**under("module.backbone.", backbone()), **linear("module.projector.", 2), **linear("module.bn.")}, "optimizer": optimizer()})
save("barlow_twins_released", backbone())
save("swav", {**under("module.", backbone()), **linear("module.projection_head.", 2), **linear("module.prototypes.")})
save(
    "swav_checkpoint",
    {
        "epoch": 5, "amp": {},
        "state_dict": {**under("module.", backbone()), **linear("module.projection_head.", 2), **linear("module.prototypes.prototypes0.")},
        "optimizer": optimizer(),
    },
)
save(
    "dino",
    {
        "teacher": {**under("module.backbone.", backbone()), **linear("module.head.mlp.", 2)},
        "student": {**under("module.backbone.", backbone(-1)), **linear("module.head.mlp.", 2)},
        "optimizer": optimizer(), "epoch": 100, "dino_loss": {"center": torch.ones(1, 4)},
    },
)
save("simsiam", {"epoch": 100, "state_dict": {**under("module.encoder.", backbone()), **linear("module.encoder.fc.", 2), **linear("module.predictor.", 2)}})
save(
    "pixpro",
    {
        "model": {
            **under("module.encoder.", backbone()), **linear("module.projector.linear1."), **linear("module.value_transform."),
            **under("module.encoder_k.", backbone(-1)), **linear("module.projector_k.linear1."),
        },
        "optimizer": optimizer(), "epoch": 100,
    },
)
save(
    "soco",
    {
        "model": {
            **under("module.encoder.", backbone()), **under("module.encoder_k.", backbone(-2)), **linear("module.projector.linear1."),
        },
        "model_ema": under("encoder.", backbone(-1)),
    },
)
save(
    "byol_of_deepmind_converted",
    {
        "online_network_state_dict": {**under("encoder.", backbone()), **linear("projection.", 2)},
        "target_network_state_dict": {**under("encoder.", backbone(-1)), **linear("projection.", 2)},
    },
)
save(
    "pytorch_byol",
    {
        "online_network_state_dict": {**under("encoder.", numbered(backbone())), **linear("projetion.net.", 2)},
        "target_network_state_dict": {**under("encoder.", numbered(backbone(-1))), **linear("projetion.net.", 2)},
    },
)
save(
    "byol_pytorch_lucidrains",
    {
        **under("net.", backbone()), **under("online_encoder.net.", backbone()), **linear("online_encoder.projector.", 2),
        **under("target_encoder.net.", backbone(-1)), **linear("online_predictor.", 2),
    },
)
save("vicreg", {"model": {**under("module.backbone.", backbone()), **linear("module.projector.", 2)}, "epoch": 5})
save("two_unknown", {**under("left.", backbone()), **under("right.", backbone(-1))})


def odd(state):
    """Half and other precisions, turned, spread and cut out of larger storages, as users' files have them."""
    kinds = (torch.float16, torch.float32, torch.bfloat16, torch.float64)
    for place, (name, value) in enumerate(state.items()):
        if value.dtype == torch.long:
            continue
        random = torch.randn(value.shape) * 0.2 + (0.5 if name.endswith(("weight", "var")) and value.dim() < 2 else 0)
        random = random.abs() if name.endswith("running_var") else random
        if value.dim() == 4:
            random = random.to(memory_format=torch.channels_last)
        else:
            random = torch.stack((random.mul(3), random), 1)[:, 1]
        if name == "bn1.bias":
            random = random * 1e-5
        state[name] = random.to(kinds[place % 4])
    return state


torch.save(
    {
        "state_dict": {
            **under("module.encoder_q.", odd(backbone())), **under("module.encoder_k.", odd(backbone())),
            **linear("module.encoder_q.fc."), **linear("module.encoder_k.fc."), **under("module.", queue),
        },
    },
    out.parent / "mutations" / "pretrained.pth",
)
