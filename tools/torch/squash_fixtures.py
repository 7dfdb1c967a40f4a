"""Writes what torchvision's transforms make of images of several shapes, for harness/data/images/squash.test.ts.

    python tools/torch/squash_fixtures.py golden/views/squash.json

With a Pillow before 13: from there on it scales tall images along their height first (docs/decisions.md, "Images are
scaled along their width first").

VOC's: the shorter side to some pixels, then to a square whose ratio is not the image's; beside it the usual one, which
cuts the middle out. Pixels of the sources are a formula, which the test repeats.
"""
import base64
import json
import sys

import numpy as np
import PIL
import torchvision
from PIL import Image
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Resize

SHAPES = [(50, 37), (37, 50), (40, 40), (61, 20), (9, 30), (28, 28)]  # width, height
FILTERS = {"bilinear": InterpolationMode.BILINEAR, "bicubic": InterpolationMode.BICUBIC}
SHORTER, SIDE = 32, 28


def source(width, height):
    c, y, x = np.meshgrid(np.arange(3), np.arange(height), np.arange(width), indexing="ij")
    pixels = (x * (3 + c) + y * (5 + 2 * c) + ((x * y) >> 2) * 7) % 256
    return Image.fromarray(pixels.transpose(1, 2, 0).astype(np.uint8))


assert int(PIL.__version__.split(".")[0]) < 13, f"Pillow {PIL.__version__}: expected one before 13"
cases = []
for width, height in SHAPES:
    for name, mode in FILTERS.items():
        ends = {"squash": Resize((SIDE, SIDE), mode), "centerCrop": CenterCrop(SIDE)}
        for kind, end in ends.items():
            made = Compose([Resize(SHORTER, mode), end])(source(width, height))
            pixels = base64.b64encode(np.asarray(made).tobytes()).decode()
            case = {"width": width, "height": height, "interpolation": name, "kind": kind}
            cases.append({**case, "pixels": pixels})

versions = {"pillow": PIL.__version__, "torchvision": torchvision.__version__}
with open(sys.argv[1], "w") as file:
    json.dump({**versions, "shorter": SHORTER, "side": SIDE, "cases": cases}, file, separators=(",", ":"))
    file.write("\n")
