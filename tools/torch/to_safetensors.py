"""Write the tensors of a PyTorch file as safetensors: `python to_safetensors.py FILE OUT.safetensors`.

Takes what torch.save wrote (of any version, nested in any way: names are joined by dots, as in
`state_dict.module.encoder_q.conv1.weight`) and TorchScript archives. Nothing in the file is executed:
torch.load runs with weights_only.
"""
import argparse
import sys
import zipfile

import torch
from safetensors.torch import save_file


def tensors_in(value, prefix=""):
    """Every tensor in nested dicts and lists, by its path."""
    if torch.is_tensor(value):
        yield prefix, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from tensors_in(inner, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(value, (list, tuple)):
        for i, inner in enumerate(value):
            yield from tensors_in(inner, f"{prefix}.{i}" if prefix else str(i))


def is_script(path):
    """TorchScript archives hold code beside the tensors."""
    if not zipfile.is_zipfile(path):
        return False
    names = zipfile.ZipFile(path).namelist()
    return any(name.split("/", 1)[-1] == "constants.pkl" for name in names)


def main(path, out):
    torch.serialization.add_safe_globals([argparse.Namespace])  # options that DINO and others keep
    if is_script(path):
        value = dict(torch.jit.load(path, map_location="cpu").state_dict())
    else:
        value = torch.load(path, map_location="cpu", weights_only=True)
    found = {name: t.detach().clone().contiguous() for name, t in tensors_in(value)}
    if not found:
        sys.exit(f"{path} holds no tensors")
    save_file(found, out)
    print(f"{out}: {len(found)} tensors")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
