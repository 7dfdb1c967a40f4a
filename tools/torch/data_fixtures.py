"""Writes golden/data: CIFAR pickles of every protocol, and odd images with Pillow's view of them.

    python tools/torch/data_fixtures.py golden/data

Needs numpy and Pillow. Images are small and made from a fixed seed.
"""

import argparse
import io
import json
import pathlib
import pickle
import struct
import zlib

import numpy as np
import PIL
from PIL import Image, ImageCms


def cifar_batch(rng, count):
    return {
        b"batch_label": b"training batch 1 of 5",
        b"labels": [i * 7 % 10 for i in range(count)],
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
    lists = b"".join(
        string(key) + b"](" + b"".join(number(label) for label in values) + b"e"
        for key, values in batch.items()
        if key.endswith(b"labels")
    )
    return (
        b"\x80\x02}("
        + string(b"data") + array
        + lists
        + string(b"batch_label") + string(batch[b"batch_label"])
        + b"u."
    )  # fmt: skip


def write_cifar(folder):
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    batch = cifar_batch(rng, 3)
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


def write_cifar100(folder):
    """Three records with fine and coarse labels, as in `train` of cifar-100-python and cifar-100-binary."""
    rng = np.random.default_rng(1)
    batch = {
        b"batch_label": b"training batch 1 of 1",
        b"fine_labels": [19, 99, 0],
        b"coarse_labels": [11, 13, 4],
        b"data": rng.integers(0, 256, (3, 3072), dtype=np.uint8),
    }
    official = python2(batch)
    loaded = pickle.loads(official, encoding="bytes")
    assert loaded[b"fine_labels"] == batch[b"fine_labels"]
    assert loaded[b"coarse_labels"] == batch[b"coarse_labels"]
    (folder / "cifar100_python2").write_bytes(official)
    (folder / "cifar100_protocol4").write_bytes(pickle.dumps(batch, 4))
    labels = zip(batch[b"coarse_labels"], batch[b"fine_labels"])
    records = [bytes(pair) + x.tobytes() for x, pair in zip(batch[b"data"], labels)]
    (folder / "cifar100.bin").write_bytes(b"".join(records))
    names = {
        b"coarse_label_names": [b"coarse %d" % i for i in range(20)],
        b"fine_label_names": [b"fine %d" % i for i in range(100)],
    }
    (folder / "meta100").write_bytes(pickle.dumps(names, 2))


SIDES = (23, 17)  # odd, so that chroma and blocks end inside a pixel pair


def picture():
    """Smooth colours, an edge and some noise: what a decoder's rounding and upsampling act on."""
    width, height = SIDES
    y, x = np.mgrid[0:height, 0:width]
    red = x * 255 // (width - 1)
    green = y * 255 // (height - 1)
    blue = np.where(x + 2 * y > 28, 220, 30)
    noise = np.random.default_rng(1).integers(-20, 21, (height, width, 3))
    return Image.fromarray(np.clip(np.stack([red, green, blue], 2) + noise, 0, 255).astype(np.uint8))


def png16(samples):
    """A 16-bit PNG; Pillow itself writes only grey ones."""
    height, width, channels = samples.shape
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def swapped_profile():
    """sRGB with red and blue swapped, which shows whether somebody applies it; Pillow does not."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return srgb.replace(b"rXYZ", b"____").replace(b"bXYZ", b"rXYZ").replace(b"____", b"bXYZ")


def without_adobe(jpeg):
    """Takes the Adobe marker out."""
    at = jpeg.index(b"\xff\xee")
    return jpeg[:at] + jpeg[at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big") :]


def odd_images():
    rgb = picture()
    grey = rgb.convert("L")
    alpha = Image.fromarray((np.arange(SIDES[0] * SIDES[1]) % 256).astype(np.uint8).reshape(SIDES[::-1]))
    rgba = rgb.copy()
    rgba.putalpha(alpha)
    la = grey.copy()
    la.putalpha(alpha)
    palette = rgb.quantize(16)
    cmyk = Image.merge("CMYK", [*rgb.split(), alpha])
    deep = np.asarray(rgb).astype(np.uint16) * 256 + 77
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    profile = swapped_profile()
    return {
        "jpeg420": saved(rgb, "JPEG", quality=75, subsampling=2),
        "jpeg422": saved(rgb, "JPEG", quality=90, subsampling=1),
        "jpeg444": saved(rgb, "JPEG", quality=95, subsampling=0),
        "jpeg_progressive": saved(rgb, "JPEG", quality=75, progressive=True),
        "jpeg_rgb": saved(rgb, "JPEG", quality=90, keep_rgb=True),
        "jpeg_grey": saved(grey, "JPEG", quality=75),
        "jpeg_cmyk": saved(cmyk, "JPEG", quality=95),
        "jpeg_cmyk_plain": without_adobe(saved(cmyk, "JPEG", quality=95)),
        "jpeg_exif6": saved(rgb, "JPEG", quality=90, exif=exif),
        "jpeg_profile": saved(rgb, "JPEG", quality=90, icc_profile=profile),
        "png_rgb": saved(rgb, "PNG"),
        "png_rgba": saved(rgba, "PNG"),
        "png_grey": saved(grey, "PNG"),
        "png_grey_alpha": saved(la, "PNG"),
        "png_grey4": saved(grey.quantize(4), "PNG", bits=4),
        "png_1bit": saved(grey.convert("1"), "PNG"),
        "png_palette": saved(palette, "PNG"),
        "png_palette_transparent": saved(palette, "PNG", transparency=3),
        "png_rgb16": png16(deep),
        "png_rgba16": png16(np.concatenate([deep, deep[..., :1]], 2)),
        "png_grey16": png16(deep[..., :1]),
        "png_profile": saved(rgb, "PNG", icc_profile=profile),
        "webp_lossless": saved(rgb, "WEBP", lossless=True),
        "webp_lossy": saved(rgb, "WEBP", quality=80),
        "webp_alpha": saved(rgba, "WEBP", lossless=True, exact=True),
        "gif": saved(palette, "GIF"),
        "gif_animated": saved(palette, "GIF", save_all=True, append_images=[grey.quantize(8)]),
    }


def write_images(folder):
    """NAME is the file, NAME.rgb what Image.open(NAME).convert("RGB") gives."""
    folder.mkdir(parents=True, exist_ok=True)
    index = {"pillow": PIL.__version__, "images": {}}
    for name, content in odd_images().items():
        (folder / name).write_bytes(content)
        image = Image.open(folder / name)
        pixels = np.asarray(image.convert("RGB"))
        if image.mode == "I;16":  # Pillow cuts off at 255; we keep the upper 8 bits, as of colours
            pixels = np.repeat((np.asarray(image) >> 8).astype(np.uint8)[..., None], 3, 2)
        (folder / f"{name}.rgb").write_bytes(pixels.tobytes())
        index["images"][name] = {"width": pixels.shape[1], "height": pixels.shape[0]}
    (folder / "index.json").write_text(json.dumps(index, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=pathlib.Path)
    out = parser.parse_args().out
    write_cifar(out / "cifar")
    write_cifar100(out / "cifar")
    write_images(out / "images")


if __name__ == "__main__":
    main()
