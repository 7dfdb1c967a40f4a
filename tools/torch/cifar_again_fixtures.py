"""Writes golden/data/cifar/again.json.br: CIFAR pickles as people make them again with Python 3 and numpy.

    python tools/torch/cifar_again_fixtures.py golden/data/cifar/again.json.br

Needs numpy and brotli. Run it with numpy 1 and with numpy 2: each adds its own half. Every pickle is one of three records, whose labels and
pixels stand once in the file, as `pickle.load` gives them; all bytes are in hexadecimal digits, which Brotli packs well.
"""

import argparse
import collections
import json
import pathlib
import pickle
import tempfile

import brotli
import numpy as np

LABELS = [3, 0, 9]
NAMES = [f"name {i}" for i in range(10)]


def pixels():
    """[3, 3072], a pattern that tells planes, rows and columns apart and deflates well."""
    i = np.arange(3072)
    return np.stack([(i * 7 + record * 13 + (i >> 10) + (i >> 5)) % 256 for record in range(3)]).astype(np.uint8)


def label_forms():
    kinds = ["<f4", "<i8", "<i4", "<u1", "<i1", "<u2", ">i4", "<u8", ">i2"]
    return {
        "list": LABELS,
        "tuple": tuple(LABELS),
        **{f"array_{kind.replace('<', '').replace('>', 'big_')}": np.array(LABELS, kind) for kind in kinds},
        "scalars_int64": list(np.array(LABELS, np.int64)),
        "scalars_uint8": list(np.array(LABELS, np.uint8)),
        "scalars_int32": [np.int32(label) for label in LABELS],
        "column": np.array(LABELS).reshape(3, 1),
        "row": np.array(LABELS).reshape(1, 3),
        "rows": list(np.array(LABELS).reshape(3, 1)),
        "sliced": np.array([label for label in LABELS for _ in range(2)])[::2],
        "objects": np.array(LABELS, object),
        "points": [np.array(label) for label in LABELS],
    }


def data_forms(folder):
    data = pixels()
    wide = np.concatenate([data, data], 1)
    locked = data.copy()
    locked.flags.writeable = False
    mapped = np.memmap(folder / "map", np.uint8, "w+", shape=data.shape)
    mapped[:] = data
    pictures = data.reshape(3, 3, 32, 32)
    return {
        "columns": np.asfortranarray(data),
        "locked": locked,
        "mapped": mapped,
        "cut_out": wide[:, :3072],
        "planes": pictures,
        "planes_columns": np.asfortranarray(pictures),
        "pictures": np.ascontiguousarray(pictures.transpose(0, 2, 3, 1)),
        "pictures_turned": pictures.transpose(0, 2, 3, 1),
        "rows": list(data),
    }


def batches(folder):
    """Whole pickles by name; a function of the protocol."""
    data = pixels()
    cases = {f"labels_{name}": {"data": data, "labels": labels} for name, labels in label_forms().items()}
    cases |= {f"data_{name}": {"data": form, "labels": LABELS} for name, form in data_forms(folder).items()}
    shared = np.array(LABELS)
    more = {"batch_label": "again", "filenames": ["é.png", "\U0001f600.png", "a\\b\n.png"], "none": None, "half": 0.5}
    return cases | {
        "bytes_keys": {b"data": data, b"labels": np.array(LABELS), b"batch_label": b"again"},
        "ordered": collections.OrderedDict(labels=LABELS, data=data),
        "default": collections.defaultdict(list, {"labels": LABELS, "data": data}),
        "more_keys": {**more, "mean": data.astype(np.float32).mean(0), "data": data, "labels": LABELS},
        "same_array_twice": {"fine_labels": shared, "labels": shared, "data": data, "again": data},
        "nested": {"info": {"of": [np.float64(1.5), {"x": (1, 2)}, {1, 2}]}, "data": data, "labels": LABELS},
        "flags": {"numbers": [2**40, -(2**70), 10**30, -1], "true": [True, False], "data": data, "labels": LABELS},
    }


def names():
    return {
        "list": NAMES,
        "bytes": [name.encode() for name in NAMES],
        "array": np.array(NAMES),
        "array_bytes": np.array([name.encode() for name in NAMES]),
        "objects": np.array(NAMES, object),
        "scalars": list(np.array(NAMES)),
    }


def refused():
    """Pickles that say something else, and a word of the reason."""
    data = pixels()
    return {
        "int64_data": ({"data": data.astype(np.int64), "labels": LABELS}, "int64"),
        "float_data": ({"data": (data / 255).astype(np.float32), "labels": LABELS}, "float32"),
        "half_labels": ({"data": data, "labels": np.array([3, 0.5, 9])}, "label 0.5 of record 1"),
        "negative_label": ({"data": data, "labels": np.array([3, -1, 9])}, "label -1 of record 1"),
        "label_too_large": ({"data": data, "labels": np.array([3, 10, 9])}, "label 10 of record 1"),
        "huge_label": ({"data": data, "labels": [3, 2**70, 9]}, "of record 1 is out of range"),
        "half_label": ({"data": data, "labels": [3, 0.5, 9]}, "label 0.5 of record 1"),
        "true_label": ({"data": data, "labels": [3, True, 9]}, "label true of record 1"),
        "text_label": ({"data": data, "labels": [3, "cat", 9]}, 'label "cat" of record 1'),
        "one_hot": ({"data": data, "labels": np.eye(10, dtype=np.int64)[LABELS]}, "[3, 10]"),
        "fewer_labels": ({"data": data, "labels": np.array(LABELS[:2])}, "2 labels for 3 images"),
        "no_labels": ({"data": data}, "labels"),
        "no_data": ({"labels": LABELS}, "data"),
        "other_width": ({"data": data[:, :3000], "labels": LABELS}, "[3, 3000]"),
        "grey": ({"data": data[:, :1024].reshape(3, 32, 32), "labels": LABELS}, "[3, 32, 32]"),
        "no_images": ({"data": data[:0], "labels": []}, "[0, 3072]"),
        "pairs": ([(data[0], 3)], "dictionary"),
    }


def packed(value, protocol, **options):
    return pickle.dumps(value, protocol, **options).hex()


PROTOCOLS = range(6)


def made():
    with tempfile.TemporaryDirectory() as folder:
        whole = batches(pathlib.Path(folder))
        for name, batch in whole.items():
            loaded = pickle.loads(pickle.dumps(batch, 5))
            found = [
                int(np.asarray(label).reshape(())) for label in np.asarray(loaded_key(loaded, "labels")).reshape(-1)
            ]
            assert found == LABELS, name
        few = (0, 2, 4, 5)
        many = {
            "ordered",
            "bytes_keys",
            "more_keys",
            "flags",
            "labels_array_i8",
            "labels_scalars_int64",
            "data_columns",
        }
        batch = {
            f"{name}_protocol{protocol}": packed(value, protocol)
            for name, value in whole.items()
            for protocol in (PROTOCOLS if name in many else few[::-1][:2] if name.startswith("labels") else few)
        }
    return {
        "batches": batch,
        "names": {f"{n}_{p}": packed({"label_names": value}, p) for n, value in names().items() for p in (2, 5)},
        "refused": {n: {"pickle": packed(v, 5), "word": word} for n, (v, word) in refused().items()}
        | {
            "out_of_band": {
                "pickle": packed({"data": pixels(), "labels": LABELS}, 5, buffer_callback=lambda _: None),
                "word": "out-of-band",
            }
        },
    }


def loaded_key(batch, key):
    return batch[key] if key in batch else batch[key.encode()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=pathlib.Path)
    out = parser.parse_args().out
    file = json.loads(brotli.decompress(out.read_bytes())) if out.exists() else {}
    file |= {
        "labels": LABELS,
        "names": NAMES,
        "pixels": pixels().tobytes().hex(),
        f"numpy{np.__version__.split('.')[0]}": {"version": np.__version__, **made()},
    }
    out.write_bytes(brotli.compress(json.dumps(dict(sorted(file.items()))).encode(), lgwin=24))


if __name__ == "__main__":
    main()
