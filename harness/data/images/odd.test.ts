import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { UserError } from '../../base/errors.ts';
import { startEngine } from '../../engine/index.ts';
import { decodeImage, decodeStrictly, useLibraryDecoder } from './decode.ts';
import type { Image } from './image.ts';

// Files, and pixels of Pillow's `convert('RGB')` (tools/torch/odd_image_fixtures.py).
const at = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const hex = z.string().transform((text) => Buffer.from(text, 'hex'));
const taken = z.object({
  file: hex,
  width: z.int(),
  height: z.int(),
  pixels: hex,
  /** Of 16-bit grey. */
  upper: hex.optional(),
});
const { images, others } = z
  .object({
    images: z.record(z.string(), z.union([taken, z.object({ file: hex, refused: z.string() })])),
    others: z.record(z.string(), hex),
  })
  .parse(JSON.parse(brotliDecompressSync(readFileSync(at('golden/data/odd.json.br'))).toString()));

type Taken = z.infer<typeof taken>;
const BLACK = [0, 0, 0];

/** Our pixels are Pillow's or, some of them, black. */
function partlyBlack({ pixels: found }: Image, { pixels }: Taken): void {
  let black = 0;
  for (let i = 0; i < pixels.length; i += 3) {
    const ours = [...found.subarray(i, i + 3)];
    if (Buffer.compare(Buffer.from(ours), pixels.subarray(i, i + 3)) === 0) continue;
    expect(ours).toEqual(BLACK);
    black++;
  }
  expect(black).toBeGreaterThan(0);
}

/** A class of pictures where we differ from Pillow: its row of docs/data.md, and what we make of it. */
interface Difference {
  readonly row: string;
  readonly names: readonly string[];
  /** Of those that both take. */
  check?(image: Image, picture: Taken): void;
}

const DIFFERENCES: readonly Difference[] = [
  {
    row: '| 16-bit grey PNG |',
    names: ['', '_small', '_transparent', '_interlaced'].map((more) => `png_grey16${more}`),
    check: ({ pixels }, { upper = Buffer.alloc(0) }) =>
      expect([...pixels]).toEqual([...upper].flatMap((value) => [value, value, value])),
  },
  {
    row: '| GIF with transparent pixels, or a picture smaller than its screen |',
    names: [
      ...['transparent', 'transparent_background', 'animated_transparent'],
      ...['smaller_than_screen', 'smaller_background', 'smaller_transparent', 'beside_screen'],
    ].map((name) => `gif_${name}`),
    check: partlyBlack,
  },
  {
    row: '| GIF without colours |',
    names: ['gif_no_colours'],
    check: ({ pixels }) => expect(new Set([...pixels])).toEqual(new Set([0, 255])), // white is colour 1, all others black
  },
  { row: '| PNG with a wrong checksum of its pixels |', names: ['png_bad_pixel_crc'] },
  { row: '| palette PNG without a palette |', names: ['png_no_palette'] },
  {
    row: '| PNG with damaged or very large notes |',
    names: ['png_bad_ancillary_crc', 'png_large_text'],
  },
];

const differing = new Set(DIFFERENCES.flatMap(({ names }) => names));

test('every class where we differ from Pillow has its row, with the reason', () => {
  const page = readFileSync(at('docs/data.md'), 'utf8').split('\n## ');
  const rows = page.find((section) => section.startsWith('Odd images'))?.split('\n') ?? [];
  for (const { row } of DIFFERENCES)
    expect(
      rows.find((one) => one.startsWith(row)),
      row,
    ).toMatch(/^\|[^|]+\|[^|]+\|[^|]*Pillow[^|]*\|[^|]{10,}\|$/);
});

const same = Object.entries(images).filter(([name]) => !differing.has(name));

/** To the bit, or both refuse it. */
async function asPillow(name: string, picture: (typeof images)[string]): Promise<void> {
  if ('refused' in picture) {
    await expect(decodeImage(picture.file, name)).rejects.toThrow(UserError);
    return;
  }
  const { width, height, pixels } = await decodeImage(picture.file, name);
  expect([width, height]).toEqual([picture.width, picture.height]);
  expect(Buffer.compare(pixels, picture.pixels)).toBe(0);
}

test.each(same)('%s: as Pillow', asPillow);

describe.each(DIFFERENCES)('$row', ({ names, check }) => {
  test.each(names)('%s', async (name) => {
    const picture = images[name] ?? expect.unreachable(name);
    const found: unknown = await decodeImage(picture.file, name).catch((error) => error);
    if ('refused' in picture) expect(found).toHaveProperty('pixels');
    else if (check === undefined) expect(found).toBeInstanceOf(UserError);
    else {
      const image = await decodeImage(picture.file, name);
      expect([image.width, image.height]).toEqual([picture.width, picture.height]);
      expect(Buffer.compare(image.pixels, picture.pixels)).not.toBe(0);
      check(image, picture);
    }
  });
});

test('decoded again and by others at the same time, the same bits', async () => {
  for (const name of ['gif_no_colours', 'gif_smaller_transparent', 'jpeg_no_tables']) {
    const file = images[name]?.file ?? Buffer.alloc(0);
    const all = await Promise.all(Array.from({ length: 6 }, () => decodeImage(file, name)));
    for (const one of all) expect(one).toEqual(all[0]);
  }
});

test('a check finds nothing in sound pictures', async () => {
  const odd = ['png_text', 'jpeg_gain_map', 'jpeg_arithmetic', 'webp_animated', 'gif_local'];
  for (const name of odd) await decodeStrictly(images[name]?.file ?? Buffer.alloc(0), name);
});

describe('refused by what it is', () => {
  async function refusal(bytes: Uint8Array): Promise<string> {
    const error: unknown = await decodeImage(bytes, 'a/b.jpg').catch((cause) => cause);
    expect(error).toBeInstanceOf(UserError);
    return error instanceof UserError ? error.message : '';
  }

  const NAMES: Readonly<Record<string, string>> = {
    bmp: 'is a BMP picture, expected JPEG, PNG, WebP or GIF; convert it',
    tiff: 'is a TIFF picture, expected',
    ico: 'is an icon (.ico), expected',
    ppm: 'is a PNM picture (.ppm, .pgm), expected',
    jpeg2000: 'is a JPEG 2000 picture, expected',
    avif: 'is an AVIF picture, expected',
    jpegxl: 'is a JPEG XL picture, expected',
    jpeg_ls: 'is a JPEG-LS picture; write it as PNG, or as JPEG anew',
    pdf: 'is a PDF document, expected',
  };

  test.each(Object.entries(others))('%s', async (name, bytes) => {
    const expected = NAMES[name.replace('other_', '')] ?? 'expected JPEG, PNG, WebP or GIF';
    expect(await refusal(bytes)).toContain(expected);
  });

  const png = images.png_rgb_transparent?.file ?? Buffer.alloc(0);
  const jpeg = images.jpeg_2x2?.file ?? Buffer.alloc(0);
  const text = (value: string) => Buffer.from(value);
  const lfs = `version https://git-lfs.github.com/spec/v1\noid sha256:${'4'.repeat(64)}\nsize 12345\n`;
  test.each([
    ['a Git-LFS pointer', text(lfs), 'is a Git-LFS pointer, not the file itself, expected'],
    ['its mend', text(lfs), 'run `git lfs pull` in it'],
    ['a page', text('<!DOCTYPE html><html><body>404</body></html>'), 'is an HTML page, expected'],
    ['a JSON error', text('{"error": "no such file"}'), 'is a JSON text, expected'],
    ['gzip', Buffer.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3), 'gunzip'],
    ['zero bytes', Buffer.alloc(100_000), 'is zero bytes, as far as was looked, expected'],
    ['a numpy array', text('\x93NUMPY\x01\0'), 'expected'],
    ['base64', text(jpeg.toString('base64')), 'base64 -d'],
    ['a data URL', text(`data:image/png;base64,${png.toString('base64')}`), 'base64 -d'],
    ['PNG sent as text', text(png.toString('latin1').replaceAll('\r\n', '\n')), 'UTF-8 text'],
    [
      'PNG without carriage returns',
      Buffer.from(png.toString('latin1').replaceAll('\r\n', '\n'), 'latin1'),
      'is a PNG file whose bytes were changed',
    ],
    ['JPEG saved as text', text(jpeg.toString('utf8')), 'was saved as UTF-8 text'],
    ['nothing', Buffer.alloc(0), 'is empty (0 bytes)'],
    ['unknown bytes', Buffer.of(1, 2, 255, 254), 'begins with 01 02 ff fe, expected'],
  ])('%s', async (_, bytes, words) => {
    const message = await refusal(bytes);
    expect(message).toMatch(/^a\/b\.jpg (is|begins) /);
    expect(message).toContain(words);
  });

  test.each([
    ['jpeg_12bit', 'is a JPEG file of 12 bits a sample, expected 8; write it as PNG'],
    ['jpeg_two_components', 'is a JPEG file of 2 channels, expected 1, 3 or 4'],
    ['jpeg_height_behind', 'is a JPEG file that gives its height behind its pixels'],
    ['jpeg_cut', 'is damaged: JPEG decoder: '],
  ])('%s', async (name, words) => {
    expect(await refusal(images[name]?.file ?? Buffer.alloc(0))).toContain(words);
  });
});

// Last, as this module stays told of the library. Progressive files without all of their scans are
// among these: libjpegs do not smooth them alike.
describe('in a thread that decodes by libtensorflow', () => {
  beforeAll(async () => useLibraryDecoder((await startEngine()).library.cc));

  test.each(same.filter(([name]) => name.startsWith('jpeg_')))('%s: as Pillow', asPillow);
});
