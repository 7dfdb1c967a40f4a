"""Write what Pillow and torchvision make of small images, for golden/views (its README has the naming).

    python tools/torch/view_fixtures.py --photos DIR --out golden/views

Inputs are a cut-out of the first photograph in DIR, noise, and an image of few colours. The values are a pure function
of this file, of that photograph and of the library versions, which the metadata names.
"""
import argparse
import json
import pathlib

import numpy as np
import PIL
import torch
import torchvision
from PIL import Image, ImageFilter
from safetensors.numpy import save_file
from torchvision.transforms import InterpolationMode
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms import functional as F

FILTERS = {"bilinear": InterpolationMode.BILINEAR, "bicubic": InterpolationMode.BICUBIC}
EIGENVALUES = np.array([0.2175, 0.0188, 0.0045])
EIGENVECTORS = np.array(
    [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]]
)
BOXES = [  # left, top, width, height; to width, to height
    (0, 0, 64, 48, 32, 32),
    (13, 7, 41, 37, 32, 32),
    (5, 9, 23, 31, 48, 40),
    (30, 2, 9, 11, 32, 32),
    (2, 1, 60, 45, 13, 17),
    (0, 0, 64, 48, 64, 48),
    (63, 0, 1, 48, 16, 16),
]


def sources(folder):
    path = min(pathlib.Path(folder).glob("*.jpg"))
    random = np.random.RandomState(20201130)
    few = np.array([0, 1, 127, 128, 254, 255], np.uint8)
    with Image.open(path) as opened:
        return {
            "photo": opened.convert("RGB").crop((150, 120, 214, 168)),
            "noise": Image.fromarray(random.randint(0, 256, (48, 64, 3)).astype(np.uint8)),
            "few": Image.fromarray(few[random.randint(0, 6, (48, 64, 3))]),
        }


def lighting(image, shift):
    """The original adds to a float tensor in 0..1; here the nearest bytes."""
    values = np.asarray(image, np.float64) / 255 + np.array(shift)
    return Image.fromarray(np.clip(np.floor(values * 255 + 0.5), 0, 255).astype(np.uint8))


def apply(image, change):
    kind = change["kind"]
    if kind == "resize":
        box = [change[key] for key in ("top", "left", "height", "width")]
        return F.resized_crop(
            image, *box, [change["toHeight"], change["toWidth"]], FILTERS[change["interpolation"]]
        )
    if kind == "crop":
        return F.crop(image, *(change[key] for key in ("top", "left", "height", "width")))
    if kind == "blur":
        return image.filter(ImageFilter.GaussianBlur(change["sigma"]))
    if kind == "lighting":
        return lighting(image, change["shift"])
    operations = {
        "flip": lambda: F.hflip(image),
        "grayscale": lambda: F.to_grayscale(image, 3),
        "brightness": lambda: F.adjust_brightness(image, change["factor"]),
        "contrast": lambda: F.adjust_contrast(image, change["factor"]),
        "saturation": lambda: F.adjust_saturation(image, change["factor"]),
        "hue": lambda: F.adjust_hue(image, change["shift"]),
        "solarize": lambda: F.solarize(image, change["threshold"]),
        "rotate": lambda: F.rotate(image, change["degrees"]),
    }
    return operations[kind]()


def chains():
    for interpolation in FILTERS:
        for left, top, width, height, to_width, to_height in BOXES:
            box = {"left": left, "top": top, "width": width, "height": height}
            to = {"toWidth": to_width, "toHeight": to_height, "interpolation": interpolation}
            yield [{"kind": "resize", **box, **to}]
    yield [{"kind": "crop", "left": 20, "top": 11, "width": 32, "height": 32}]
    yield [{"kind": "crop", "left": -4, "top": 23, "width": 32, "height": 32}]
    yield [{"kind": "crop", "left": 50, "top": -3, "width": 32, "height": 32}]
    yield [{"kind": "flip"}]
    yield [{"kind": "grayscale"}]
    for kind in ("brightness", "contrast", "saturation"):
        for factor in (0, 0.2137, 0.6, 1, 1.3999, 1.8):
            yield [{"kind": kind, "factor": factor}]
    for shift in (-0.5, -0.1, -0.0031, 0, 0.0999, 0.4, 0.5):
        yield [{"kind": "hue", "shift": shift}]
    for sigma in (0.1, 0.37, 0.8, 1.2345, 2, 5.5):
        yield [{"kind": "blur", "sigma": sigma}]
    for threshold in (0, 1, 128, 255, 256):
        yield [{"kind": "solarize", "threshold": threshold}]
    for degrees in (-2, -0.7, 0, 0.01, 1.3, 2, 33):
        yield [{"kind": "rotate", "degrees": degrees}]
    for alpha in ([0.1, -0.05, 0.2], [-0.3, 0.1, 0.0]):
        shift = EIGENVECTORS @ (np.array(alpha) * EIGENVALUES)
        yield [{"kind": "lighting", "shift": shift.tolist()}]
    box = {"left": 11, "top": 4, "width": 51, "height": 42}
    to = {"toWidth": 32, "toHeight": 32, "interpolation": "bilinear"}
    yield [
        {"kind": "resize", **box, **to},
        {"kind": "hue", "shift": 0.07},
        {"kind": "contrast", "factor": 0.71},
        {"kind": "saturation", "factor": 1.33},
        {"kind": "brightness", "factor": 1.21},
        {"kind": "blur", "sigma": 1.7},
        {"kind": "flip"},
    ]


def crop_statistics(width, height, scale, draws=200_000):
    """Deciles of what RandomResizedCrop draws: share of the area, log ratio, place in the room left."""
    torch.manual_seed(0)
    image = Image.new("RGB", (width, height))
    drawn = [RandomResizedCrop.get_params(image, scale, (3 / 4, 4 / 3)) for _ in range(draws)]
    top, left, h, w = np.array(drawn, np.float64).T
    columns = {
        "area": w * h / (width * height),
        "logRatio": np.log(w / h),
        "left": (left + 0.5) / (width - w + 1),
        "top": (top + 0.5) / (height - h + 1),
    }
    deciles = {
        name: np.quantile(values, np.arange(1, 10) / 10).round(5).tolist()
        for name, values in columns.items()
    }
    return {"width": width, "height": height, "scale": scale, "draws": draws, **deciles}


def parameters():
    """Statistics of random crops, and the crops of images so long that none fits at random."""
    cases = [crop_statistics(500, 375, (0.2, 1.0)), crop_statistics(120, 300, (0.08, 1.0))]
    central = []
    for width, height in [(400, 40), (40, 401), (1, 30), (77, 3)]:
        image = Image.new("RGB", (width, height))
        box = RandomResizedCrop.get_params(image, (0.9, 1.0), (3 / 4, 4 / 3))
        names = ("top", "left", "height", "width")
        central.append({"image": [width, height], **dict(zip(names, map(int, box)))})
    return {"torchvision": torchvision.__version__, "random": cases, "central": central}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", required=True)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    images = sources(args.photos)
    tensors = {f"in.{name}": np.asarray(image) for name, image in images.items()}
    cases = []
    for number, changes in enumerate(chains()):
        for name in ("photo", "noise") if changes[0]["kind"] == "resize" else images:
            image = images[name]
            for change in changes:
                image = apply(image, change)
            key = f"out.{number}.{name}"
            tensors[key] = np.ascontiguousarray(np.asarray(image))
            cases.append({"name": key, "source": f"in.{name}", "changes": changes})
    versions = {"pillow": PIL.__version__, "torchvision": torchvision.__version__}
    fixture = json.dumps({**versions, "cases": cases})
    path = pathlib.Path(args.out) / "views.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata={"fixture": fixture})
    with open(path.parent / "parameters.json", "w") as file:
        json.dump(parameters(), file, indent=1)
    print(f"{path}: {path.stat().st_size} bytes, {len(cases)} cases")


if __name__ == "__main__":
    main()
