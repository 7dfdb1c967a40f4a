"""Writes golden/data/odd.json.br: pictures of odd kinds, and what Pillow makes of each.

    python tools/torch/odd_image_fixtures.py golden/data/odd.json.br --libjpeg BIN

Needs numpy, Pillow, imagecodecs and brotli; BIN is the folder of libjpeg-turbo's cjpeg and jpegtran. Every picture is
small and made from a fixed seed. Bytes are hexadecimal digits: the file, and `Image.open(file).convert("RGB")`.
"""

import argparse
import io
import json
import pathlib
import struct
import subprocess
import tempfile
import warnings
import zlib

import brotli
import imagecodecs
import numpy as np
import PIL
from PIL import Image, ImageCms

WIDTH, HEIGHT = 23, 17  # odd, so that chroma and blocks end inside a pixel pair


def picture(width=WIDTH, height=HEIGHT):
    """Smooth colours, an edge and some noise: what a decoder's rounding and upsampling act on."""
    y, x = np.mgrid[0:height, 0:width]
    red = x * 255 // max(1, width - 1)
    green = y * 255 // max(1, height - 1)
    blue = np.where(x + 2 * y > 28, 220, 30)
    noise = np.random.default_rng(1).integers(-20, 21, (height, width, 3))
    return Image.fromarray(np.clip(np.stack([red, green, blue], 2) + noise, 0, 255).astype(np.uint8))


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def with_alpha(image):
    y, x = np.mgrid[0 : image.height, 0 : image.width]
    copy = image.copy()
    copy.putalpha(Image.fromarray(((x * 11 + y * 7) % 256).astype(np.uint8)))
    return copy


# --- PNG ---


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def rows_of(samples, bits):
    """Filter byte and packed samples of each row; samples [height, width, channels]."""
    rows = []
    for row in samples:
        flat = row.reshape(-1)
        if bits == 16:
            packed = flat.astype(">u2").tobytes()
        else:
            spread = (flat[:, None] >> np.arange(bits)[::-1]) & 1
            packed = np.packbits(spread.astype(np.uint8).reshape(-1)).tobytes()
        rows.append(b"\0" + packed)
    return b"".join(rows)


def png(samples, bits, colour, before=(), interlaced=False, compress=lambda raw: zlib.compress(raw, 9)):
    """A PNG of any depth; `before` are chunks between the header and the pixels."""
    height, width = samples.shape[:2]
    samples = samples.reshape(height, width, -1).astype(np.int64)
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, int(interlaced))
    if interlaced:
        passes = [samples[y::dy, x::dx] for x, y, dx, dy in ADAM7]
        raw = b"".join(rows_of(part, bits) for part in passes if part.size > 0)
    else:
        raw = rows_of(samples, bits)
    body = chunk(b"IDAT", compress(raw))
    return b"".join([b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", head), *before, body, chunk(b"IEND", b"")])


GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6


def pngs():
    rgb = np.asarray(picture()).astype(np.int64)
    grey = np.asarray(picture().convert("L")).astype(np.int64)
    alpha = np.asarray(with_alpha(picture()))[..., 3].astype(np.int64)
    deep = rgb * 256 + 255 - rgb[..., ::-1]
    deep_grey = grey * 256 + 200
    colours = np.random.default_rng(2).integers(0, 256, (16, 3))
    plte = chunk(b"PLTE", colours.astype(np.uint8).tobytes())
    gama = chunk(b"gAMA", struct.pack(">I", 100000))
    chrm = chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 70000, 29000, 17000, 80000, 13100, 4600))
    srgb = chunk(b"sRGB", b"\0")
    background = chunk(b"bKGD", struct.pack(">HHH", 255, 0, 0))
    files = {}
    for bits in (1, 2, 4, 8):
        files[f"png_grey{bits}"] = png(grey >> (8 - bits), bits, GREY)
        indices = (grey >> 4) % min(16, 1 << bits)
        few = chunk(b"PLTE", colours[: 1 << bits].astype(np.uint8).tobytes())
        files[f"png_palette{bits}"] = png(indices, bits, PALETTE, [few])
        trns = chunk(b"tRNS", bytes([0, 128]))
        files[f"png_palette{bits}_transparent"] = png(indices, bits, PALETTE, [few, trns])
        key = chunk(b"tRNS", struct.pack(">H", int((grey >> (8 - bits))[3, 5])))
        files[f"png_grey{bits}_transparent"] = png(grey >> (8 - bits), bits, GREY, [key])
    small = deep_grey // 300  # a depth map or a mask: most values under 256
    short = np.concatenate([colours[:4]])
    files |= {
        "png_palette_short": png((grey >> 4) % 4, 8, PALETTE, [chunk(b"PLTE", short.astype(np.uint8).tobytes())]),
        "png_grey16": png(deep_grey, 16, GREY),
        "png_grey16_small": png(small, 16, GREY),
        "png_grey16_transparent": png(deep_grey, 16, GREY, [chunk(b"tRNS", struct.pack(">H", int(deep_grey[3, 5])))]),
        "png_grey16_interlaced": png(deep_grey, 16, GREY, interlaced=True),
        "png_rgb16": png(deep, 16, RGB),
        "png_rgb16_transparent": png(deep, 16, RGB, [chunk(b"tRNS", struct.pack(">HHH", *map(int, deep[3, 5])))]),
        "png_rgb_transparent": png(rgb, 8, RGB, [chunk(b"tRNS", struct.pack(">HHH", *map(int, rgb[3, 5])))]),
        "png_rgba": png(np.dstack([rgb, alpha]), 8, RGBA),
        "png_rgba16": png(np.dstack([deep, alpha * 257]), 16, RGBA),
        "png_grey_alpha": png(np.dstack([grey, alpha]), 8, GREY_ALPHA),
        "png_grey_alpha16": png(np.dstack([deep_grey, alpha * 257]), 16, GREY_ALPHA),
        "png_interlaced": png(rgb, 8, RGB, interlaced=True),
        "png_interlaced_palette2": png((grey >> 4) % 4, 2, PALETTE, [plte], interlaced=True),
        "png_gamma": png(rgb, 8, RGB, [gama, chrm]),
        "png_srgb": png(rgb, 8, RGB, [srgb]),
        "png_background": png(np.dstack([rgb, alpha]), 8, RGBA, [background]),
        "png_profile": saved(picture(), "PNG", icc_profile=swapped_profile()),
        "png_exif6": saved(picture(), "PNG", exif=turned(6)),
        "png_trailing": png(rgb, 8, RGB) + b"and more" * 9,
        "png_animated": saved(picture(), "PNG", save_all=True, append_images=[picture().rotate(90)]),
        "png_one_pixel": png(rgb[:1, :1], 8, RGB),
        "png_one_column": png(np.asarray(picture(1, 40)).astype(np.int64), 8, RGB),
        "png_bad_ancillary_crc": png(rgb, 8, RGB, [gama[:-1] + bytes([gama[-1] ^ 1])]),
        "png_two_idat": two_idat(rgb),
        "png_still_before_animation": saved(
            picture(), "PNG", save_all=True, default_image=True, append_images=[picture().rotate(90)] * 2
        ),
        "png_high_dynamic_range": png(rgb, 8, RGB, [chunk(b"cICP", bytes([9, 16, 0, 1]))]),
        "png_significant_bits": png(rgb, 8, RGB, [chunk(b"sBIT", bytes([5, 6, 5]))]),
        "png_suggested_palette": png(rgb, 8, RGB, [plte]),
        "png_text": png(rgb, 8, RGB, [chunk(b"tEXt", b"Comment\0" + b"a" * 9000)]),
        "png_large_text": png(rgb, 8, RGB, [chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"a" * 9_000_000, 9))]),
        "png_unknown_chunk": png(rgb, 8, RGB, [chunk(b"abCd", b"of somebody")]),
        "png_no_end": png(rgb, 8, RGB)[:-12],
        "png_cut": png(rgb, 8, RGB)[:-300],
        "png_bad_pixel_crc": spoiled(png(rgb, 8, RGB), -13),
        "png_bad_checksum": png(rgb, 8, RGB, compress=lambda raw: spoiled(zlib.compress(raw, 9), -1)),
        "png_pixels_left_over": png(rgb, 8, RGB, compress=lambda raw: zlib.compress(raw + b"left over", 9)),
        "png_index_beyond": png((grey >> 4) % 8, 4, PALETTE, [chunk(b"PLTE", bytes(range(15)))]),
        "png_no_palette": png((grey >> 4) % 8, 4, PALETTE),
    }
    return files


def spoiled(data, at):
    """One bit is another."""
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


def two_idat(rgb):
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, RGB, 0, 0, 0)
    body = zlib.compress(rows_of(rgb, 8), 9)
    parts = [chunk(b"IDAT", body[:100]), chunk(b"IDAT", b""), chunk(b"IDAT", body[100:])]
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(parts) + chunk(b"IEND", b"")


# --- JPEG ---


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def swapped_profile():
    """sRGB with red and blue swapped, which shows whether somebody applies it; Pillow does not."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return srgb.replace(b"rXYZ", b"____").replace(b"bXYZ", b"rXYZ").replace(b"____", b"bXYZ")


def ppm(image):
    return saved(image, "PPM")


def tool(folder, name, arguments, stdin):
    return subprocess.run([folder / name, *arguments], input=stdin, capture_output=True, check=True).stdout


def marker(jpeg, code, body):
    """A marker right behind the start of the image."""
    return jpeg[:2] + bytes([0xFF, code]) + (len(body) + 2).to_bytes(2, "big") + body + jpeg[2:]


def adobe(transform):
    return b"Adobe" + bytes([0, 100, 0, 0, 0, 0, transform])


def without(jpeg, code):
    """Takes the first marker of a kind out."""
    at = jpeg.index(bytes([0xFF, code]))
    return jpeg[:at] + jpeg[at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big") :]


def jpegs(libjpeg):
    rgb = picture()
    grey = rgb.convert("L")
    plain = saved(rgb, "JPEG", quality=90)
    cmyk = Image.merge("CMYK", [*rgb.split(), with_alpha(rgb).split()[3]])
    inks = saved(cmyk, "JPEG", quality=95)
    large = saved(picture(120, 90), "JPEG", quality=80)

    def cjpeg(*arguments, image=rgb):
        return tool(libjpeg, "cjpeg", ["-quality", "85", *arguments], ppm(image))

    def jpegtran(*arguments, source=plain):
        return tool(libjpeg, "jpegtran", arguments, source)

    files = {
        f"jpeg_{h}x{v}": cjpeg("-sample", f"{h}x{v}")
        for h, v in [(1, 1), (2, 1), (2, 2), (1, 2), (4, 1), (4, 2), (1, 4), (2, 4), (3, 1)]
    }
    files |= {f"jpeg_exif{i}": saved(rgb, "JPEG", quality=90, exif=turned(i)) for i in range(1, 9)}
    frame = plain.index(b"\xff\xc0")
    return files | {
        "jpeg_chroma_sharper": cjpeg("-sample", "1x1,2x2,2x2"),
        "jpeg_uneven_chroma": cjpeg("-sample", "2x2,2x1,1x2"),
        "jpeg_grey": saved(grey, "JPEG", quality=80),
        "jpeg_grey_odd_factors": cjpeg("-grayscale", "-sample", "2x2"),
        "jpeg_progressive": cjpeg("-progressive"),
        "jpeg_progressive_grey": cjpeg("-progressive", "-grayscale"),
        "jpeg_arithmetic": cjpeg("-arithmetic"),
        "jpeg_arithmetic_progressive": cjpeg("-arithmetic", "-progressive"),
        "jpeg_restarts": cjpeg("-restart", "1B"),
        "jpeg_rgb": cjpeg("-rgb"),
        "jpeg_rgb_by_name": without(cjpeg("-rgb"), 0xEE),
        "jpeg_adobe_rgb": marker(without(saved(rgb, "JPEG", quality=90, subsampling=0), 0xE0), 0xEE, adobe(0)),
        "jpeg_no_marker": without(plain, 0xE0),
        "jpeg_cmyk": inks,
        "jpeg_cmyk_plain": without(inks, 0xEE),
        "jpeg_ycck": ycck(inks),
        "jpeg_profile": saved(rgb, "JPEG", quality=90, icc_profile=swapped_profile()),
        "jpeg_two_pictures": saved(rgb, "MPO", save_all=True, append_images=[rgb.rotate(180)]),
        "jpeg_trailing": plain + b"and more" * 9,
        "jpeg_trailing_jpeg": plain + saved(grey, "JPEG"),
        "jpeg_comment": marker(plain, 0xFE, b"a comment" * 20),
        "jpeg_thumbnail": marker(plain, 0xE1, b"Exif\0\0" + saved(grey.resize((8, 6)), "JPEG")),
        "jpeg_fill_bytes": plain[:frame] + b"\xff" * 5 + plain[frame:],
        "jpeg_garbage_between": plain[:frame] + b"\0" * 5 + plain[frame:],
        "jpeg_no_end": plain[:-2],
        "jpeg_cut": large[: len(large) * 3 // 4],
        "jpeg_cut_progressive": cut_progressive(libjpeg),
        "jpeg_no_tables": without(plain, 0xC4),
        "jpeg_scrambled": large[: len(large) // 2] + b"\x12\x34" * 20 + large[len(large) // 2 + 40 :],
        "jpeg_12bit": imagecodecs.jpeg8_encode(np.asarray(rgb).astype(np.uint16) * 16, bitspersample=12),
        "jpeg_one_pixel": saved(picture(1, 1), "JPEG"),
        "jpeg_one_column": saved(picture(1, 40), "JPEG"),
        "jpeg_lossless": imagecodecs.ljpeg_encode(np.asarray(grey)),
        "jpeg_lossless_rgb": imagecodecs.jpeg8_encode(np.asarray(rgb), lossless=True),
        "jpeg_baseline_16bit_tables": cjpeg("-quality", "1"),
        "jpeg_optimized": jpegtran("-optimize", "-copy", "none"),
        "jpeg_separate_scans": cjpeg("-scans", scans(["0;", "1;", "2;"])),
        "jpeg_100_scans": (many := cjpeg("-scans", scans(["0 1 2: 0-0, 0, 0;", *single_coefficients()[:99]]))),
        "jpeg_102_scans": many[:-2] + many[many.rindex(b"\xff\xda") : -2] * 2 + many[-2:],
        "jpeg_cmyk_profile": saved(cmyk, "JPEG", quality=95, icc_profile=swapped_profile()),
        "jpeg_grey_profile": saved(grey, "JPEG", quality=80, icc_profile=swapped_profile()),
        "jpeg_gain_map": imagecodecs.ultrahdr_encode(gain_map()),
        "jpeg_height_behind": height_behind(plain),
        "jpeg_two_components": imagecodecs.jpeg8_encode(
            np.ascontiguousarray(np.asarray(rgb)[..., :2]), colorspace="UNKNOWN", outcolorspace="UNKNOWN"
        ),
    }  # fmt: skip


def cut_progressive(libjpeg):
    whole = tool(libjpeg, "cjpeg", ["-progressive"], ppm(picture(120, 90)))
    return whole[: len(whole) * 3 // 4]


def scans(lines):
    """A file for cjpeg that says what each scan holds."""
    path = pathlib.Path(tempfile.gettempdir()) / "reprise_scans"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def single_coefficients():
    """A scan for each coefficient of each component."""
    return [f"{component}: {i}-{i}, 0, 0;" for component in range(3) for i in range(1, 64)]


def gain_map():
    """Ultra HDR, as phones write it: a plain picture, and behind it a map of what is brighter."""
    linear = (np.asarray(picture(64, 48)).astype(np.float32) / 255) ** 2.2 * 4
    return np.dstack([linear, np.ones(linear.shape[:2])]).astype(np.float16)


def height_behind(jpeg):
    """Its height stands in a marker behind the first scan."""
    at = jpeg.index(b"\xff\xc0") + 5
    marker = b"\xff\xdc\0\4" + jpeg[at : at + 2]
    return jpeg[:at] + b"\0\0" + jpeg[at + 2 : -2] + marker + jpeg[-2:]


def ycck(inks):
    """The inks' file, which now says that its first three components are YCC."""
    at = inks.index(b"Adobe")
    return inks[: at + 11] + bytes([2]) + inks[at + 12 :]


# --- WebP and GIF ---


def webps():
    rgb = picture()
    rgba = with_alpha(rgb)
    frames = {"save_all": True, "append_images": [rgb.rotate(180)], "duration": 100}
    plain = saved(rgb, "WEBP", quality=80)
    return {
        "webp_lossy": plain,
        "webp_lossless": saved(rgb, "WEBP", lossless=True),
        "webp_lossy_alpha": saved(rgba, "WEBP", quality=80),
        "webp_lossless_alpha": saved(rgba, "WEBP", lossless=True, exact=True),
        "webp_animated": saved(rgb, "WEBP", lossless=True, **frames),
        "webp_animated_alpha": saved(rgba, "WEBP", lossless=True, exact=True, **frames),
        "webp_profile": saved(rgb, "WEBP", quality=80, icc_profile=swapped_profile()),
        "webp_exif6": saved(rgb, "WEBP", quality=80, exif=turned(6)),
        "webp_one_pixel": saved(picture(1, 1), "WEBP", lossless=True),
        "webp_trailing": plain + b"and more" * 8,
        "webp_animated_later_larger": animated_webp(rgb.crop((0, 0, 9, 7)), (4, 2)),
        "webp_animated_blended": animated_webp(with_alpha(rgb).crop((0, 0, 9, 7)), (4, 2)),
        "webp_cut": plain[: len(plain) * 3 // 4],
    }  # fmt: skip


def animated_webp(first, at):
    """Its first frame covers a part of the canvas."""
    frames = []
    for image, (x, y) in ((first, at), (picture(), (0, 0))):
        body = saved(image, "WEBP", lossless=True, exact=True)[12:]
        place = [x // 2, y // 2, image.width - 1, image.height - 1, 100]
        head = b"".join(value.to_bytes(3, "little") for value in place) + b"\0"
        frames.append(riff(b"ANMF", head + (body[18:] if body[:4] == b"VP8X" else body)))
    canvas = bytes([0x12, 0, 0, 0]) + (WIDTH - 1).to_bytes(3, "little") + (HEIGHT - 1).to_bytes(3, "little")
    background = riff(b"ANIM", bytes([0, 0, 255, 255, 0, 0]))
    return riff(b"RIFF", b"WEBP" + riff(b"VP8X", canvas) + background + b"".join(frames))


def riff(name, body):
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def gif(
    indices,
    colours,
    *,
    transparent=None,
    screen=None,
    at=(0, 0),
    interlaced=False,
    local=False,
    background=0,
    bare=False,
):
    """One picture, on a screen that may be larger."""
    height, width = indices.shape
    screen = screen or (width, height)
    bits = max(1, (len(colours) - 1).bit_length())
    table = np.zeros((1 << bits, 3), np.uint8)
    table[: len(colours)] = colours
    flags = 0x80 | 0x70 | (bits - 1)
    head = b"GIF89a" + struct.pack("<HHBBB", *screen, 0x70 if local or bare else flags, background, 0)
    control = b"" if transparent is None else b"\x21\xf9\x04" + bytes([1, 0, 0, transparent, 0])
    rows = [*range(0, height, 8), *range(4, height, 8), *range(2, height, 4), *range(1, height, 2)]
    pixels = (indices[rows] if interlaced else indices).reshape(-1)
    place = (0x40 if interlaced else 0) | (0x80 | (bits - 1) if local else 0)
    descriptor = b"," + struct.pack("<HHHHB", *at, width, height, place)
    colours = table.tobytes()
    return (
        head + (b"" if local or bare else colours) + control + descriptor + (colours if local else b"")
        + lzw(pixels, max(2, bits)) + b";"
    )  # fmt: skip


def lzw(pixels, bits):
    """Codes without compression: the table is cleared before it grows."""
    clear, width, out, filled, many = 1 << bits, bits + 1, 0, 0, (1 << bits) - 2
    codes = []
    for place, pixel in enumerate(pixels):
        if place % many == 0:
            codes.append(clear)
        codes.append(int(pixel))
    codes.append(clear + 1)
    for code in codes:
        out |= code << filled
        filled += width
    data = out.to_bytes((filled + 7) // 8, "little")
    blocks = [data[i : i + 255] for i in range(0, len(data), 255)]
    return bytes([bits]) + b"".join(bytes([len(b)]) + b for b in blocks) + b"\0"


def gifs():
    rgb = picture()
    palette = rgb.quantize(16)
    indices = np.asarray(palette)
    colours = np.array(palette.getpalette()[:48]).reshape(16, 3)
    return {
        "gif_plain": gif(indices, colours),
        "gif_interlaced": gif(indices, colours, interlaced=True),
        "gif_local": gif(indices, colours, local=True),
        "gif_transparent": gif(indices, colours, transparent=int(indices[8, 8])),
        "gif_transparent_background": gif(indices, colours, transparent=int(indices[8, 8]), background=5),
        "gif_smaller_than_screen": gif(indices, colours, screen=(30, 25), at=(3, 4)),
        "gif_smaller_background": gif(indices, colours, screen=(30, 25), at=(3, 4), background=5),
        "gif_smaller_transparent": gif(indices, colours, screen=(30, 25), at=(3, 4), transparent=int(indices[8, 8])),
        "gif_animated": saved(palette, "GIF", save_all=True, append_images=[rgb.rotate(180).quantize(8)]),
        "gif_black_white": gif(indices % 2, np.array([[0, 0, 0], [255, 255, 255]])),
        "gif_87a": b"GIF87a" + gif(indices, colours)[6:],
        "gif_one_pixel": gif(indices[:1, :1], colours),
        "gif_index_beyond": gif(indices, colours[:9]),
        "gif_trailing": gif(indices, colours) + b"and more" * 8,
        "gif_no_end": gif(indices, colours)[:-1],
        "gif_no_colours": gif(indices, colours, bare=True),
        "gif_larger_than_screen": gif(indices, colours, screen=(15, 10)),
        "gif_beside_screen": gif(indices, colours, screen=(23, 17), at=(5, 5)),
        "gif_animated_transparent": saved(
            palette, "GIF", save_all=True, append_images=[rgb.rotate(180).quantize(8)], transparency=int(indices[8, 8])
        ),
        "gif_cut": gif(indices, colours)[:-60],
    }  # fmt: skip


def others():
    """Formats that Pillow reads and we do not."""
    rgb = picture()
    kinds = ["BMP", "TIFF", "ICO", "PPM", "TGA", "JPEG2000", "AVIF", "PCX", "DDS", "SGI", "PDF", "EPS"]
    files = {f"other_{kind.lower()}": saved(rgb, kind) for kind in kinds}
    files["other_jpegxl"] = imagecodecs.jpegxl_encode(np.asarray(rgb))
    files["other_jpeg_ls"] = imagecodecs.jpegls_encode(np.asarray(rgb.convert("L")))
    return files


def pillow(content):
    """What Pillow makes of a file: its pixels, and of 16-bit grey the upper 8 bits, or its refusal."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(content))
            mode = image.mode
            pixels = np.asarray(image.convert("RGB"))
    except Exception as error:  # noqa: BLE001, whatever it says
        return {"refused": f"{type(error).__name__}: {error}".split(" <")[0]}
    found = {"mode": mode, "width": pixels.shape[1], "height": pixels.shape[0], "pixels": pixels.tobytes().hex()}
    if mode == "I;16":
        found["upper"] = (np.asarray(image) >> 8).astype(np.uint8).tobytes().hex()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--libjpeg", type=pathlib.Path, default=pathlib.Path("/usr/bin"))
    options = parser.parse_args()
    files = pngs() | jpegs(options.libjpeg) | webps() | gifs()
    index = {
        "pillow": PIL.__version__,
        "images": {name: {"file": content.hex(), **pillow(content)} for name, content in files.items()},
        "others": {name: content.hex() for name, content in others().items()},
    }
    options.out.write_bytes(brotli.compress(json.dumps(index).encode(), lgwin=24))


if __name__ == "__main__":
    main()
