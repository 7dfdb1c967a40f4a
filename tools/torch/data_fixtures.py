"""Writes golden/data: CIFAR pickles of every protocol, and odd images with Pillow's view of them.

    python tools/torch/data_fixtures.py golden/data

Needs numpy and Pillow. Images are small and made from a fixed seed.
"""

import argparse
import pathlib
import pickle

import numpy as np


def cifar_batch(rng, count, classes):
    return {
        b"batch_label": b"training batch 1 of 5",
        b"labels" if classes == 10 else b"fine_labels": [i * 7 % classes for i in range(count)],
        b"data": rng.integers(0, 256, (count, 3072), dtype=np.uint8),
        b"filenames": [b"leptodactylus_pentadactylus_s_%06d.png" % i for i in range(count)],
    }


def python2(batch):
    """The pickle that Python 2 and an old numpy wrote, protocol 2: what the official files are."""
    data = batch[b"data"]

    def string(text):
        if len(text) < 256:
            return b"U" + bytes([len(text)]) + text
        return b"T" + len(text).to_bytes(4, "little") + text

    def number(value):
        return b"J" + value.to_bytes(4, "little", signed=True)

    dtype = b"cnumpy\ndtype\n" + string(b"u1") + number(0) + number(1) + b"\x87R"
    dtype += b"(" + number(3) + string(b"|") + b"NNN" + number(-1) + number(-1) + number(0) + b"tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + number(0) + b"\x85"
    array += string(b"b") + b"\x87R(" + number(1) + number(data.shape[0]) + number(data.shape[1])
    array += b"\x86" + dtype + b"\x89" + string(data.tobytes()) + b"tb"
    labels = b"](" + b"".join(number(label) for label in batch[b"labels"]) + b"e"
    return (
        b"\x80\x02}("
        + string(b"data") + array
        + string(b"labels") + labels
        + string(b"batch_label") + string(batch[b"batch_label"])
        + b"u."
    )  # fmt: skip


def write_cifar(folder):
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    batch = cifar_batch(rng, 3, 10)
    official = python2(batch)
    loaded = pickle.loads(official, encoding="bytes")
    assert (loaded[b"data"] == batch[b"data"]).all() and loaded[b"labels"] == batch[b"labels"]
    (folder / "cifar10_python2").write_bytes(official)
    for protocol in (0, 2, 4):
        (folder / f"cifar10_protocol{protocol}").write_bytes(pickle.dumps(batch, protocol))
    columns = {**batch, b"data": np.asfortranarray(batch[b"data"])}
    (folder / "cifar10_fortran").write_bytes(pickle.dumps(columns, 2))
    (folder / "evil").write_bytes(b"\x80\x02cposix\nsystem\nU\x04true\x85R.")
    records = [bytes([y]) + x.tobytes() for x, y in zip(batch[b"data"], batch[b"labels"])]
    (folder / "cifar10.bin").write_bytes(b"".join(records))
    names = {b"label_names": [b"name %d" % i for i in range(10)]}
    (folder / "meta").write_bytes(pickle.dumps(names, 2))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=pathlib.Path)
    out = parser.parse_args().out
    write_cifar(out / "cifar")


if __name__ == "__main__":
    main()
