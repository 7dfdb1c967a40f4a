"""Writes arrays as NumPy saves them, beside their elements, for harness/features/npy.test.ts.

    python tools/torch/npy_fixtures.py golden/data/npy/files.json

Each entry: the file's bytes in base64, type, shape, the elements in the order of rows as texts (floats as the
hexadecimal digits of their float64, highest byte first), and `saved` where the file is what `numpy.save` writes for
rows, lowest byte first.
"""
import base64
import io
import json
import struct
import sys
import warnings

import numpy as np
from numpy.lib import format as npy

warnings.simplefilter("ignore", UserWarning)  # of versions 2.0 and 3.0: "only readable by"
entries = {}


def texts(array):
    flat = np.asarray(array).reshape(-1)
    if flat.dtype.kind == "f":
        return [struct.pack(">d", value).hex() for value in flat]
    return [str(int(value)) for value in flat]


def add(name, array, version=None, header=None):
    file = io.BytesIO()
    if header is not None:
        file.write(header + array.tobytes(order="C"))
    elif version is None:
        np.save(file, array)
    else:
        npy.write_array(file, array, version)
    rows = array.flags.c_contiguous and array.dtype.byteorder in "=|<"
    entries[name] = {
        "file": base64.b64encode(file.getvalue()).decode(),
        "dtype": array.dtype.newbyteorder("=").name,
        "shape": list(array.shape),
        "values": texts(array),
        "saved": version is None and header is None and bool(rows),
    }


def old(text):
    """A header as of Python 2 and NumPy before 1.9, which ends on 16 bytes."""
    length = -(-(10 + len(text) + 1) // 16) * 16 - 10
    return b"\x93NUMPY\x01\x00" + length.to_bytes(2, "little") + text.ljust(length - 1).encode() + b"\n"


random = np.random.RandomState(7)
floats = random.randn(3, 4) * 10.0 ** random.randint(-6, 5, (3, 4))
odd = np.array([0.0, -0.0, np.inf, -np.inf, 6.1e-5, 5.96e-8, 65504.0, -1.5])
for kind in ("float16", "float32", "float64"):
    for order in "<>":
        add(f"{kind}{order}", floats.astype(np.dtype(kind).newbyteorder(order)))
        add(f"{kind}{order} odd", odd.astype(np.dtype(kind).newbyteorder(order)))
for kind in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"):
    limits = np.iinfo(kind)
    whole = np.array([[limits.min, limits.max, 1], [2, 3, 127]], kind)
    for order in "<>" if whole.itemsize > 1 else "|":
        add(f"{kind}{order}", whole.astype(np.dtype(kind).newbyteorder(order)))
add("bool", np.array([True, False, True]))
add("columns", np.asfortranarray(np.arange(15, dtype=np.float32).reshape(5, 3)))
add("columns of three axes", np.asfortranarray(np.arange(120, dtype=">i4").reshape(4, 2, 3, 5)))
add("three axes", np.arange(24, dtype=np.float32).reshape(2, 3, 4))
add("one axis", np.arange(7, dtype=np.int64))
add("a number", np.float64(0.1))
add("no rows", np.zeros((0, 4), np.float32))
add("no columns", np.zeros((5, 0), np.float32))
add("no columns, columns first", np.zeros((5, 0, 2), np.float32, order="F"))
for version in ((1, 0), (2, 0), (3, 0)):
    add(f"version {version[0]}", floats.astype(np.float32), version)
add("python 2", floats, header=old("{'descr': '<f8', 'fortran_order': False, 'shape': (3L, 4L)}"))
add("keys in another order", floats, header=old('{"shape": (3, 4,), "fortran_order": False, "descr": "<f8", }'))

with open(sys.argv[1], "w") as file:
    json.dump({"numpy": np.__version__, "entries": entries}, file, separators=(",", ":"))
    file.write("\n")
