import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { UserError } from '../../base/errors.ts';
import { decodeImage, decodeStrictly } from './decode.ts';
import { kindOf } from './image_kind.ts';

const folder = fileURLToPath(new URL('../../../golden/data/images/', import.meta.url));
const index = z
  .object({ images: z.record(z.string(), z.object({ width: z.int(), height: z.int() })) })
  .parse(JSON.parse(readFileSync(`${folder}index.json`, 'utf8')));

/** 300 x 200, smooth with noise of its own arithmetic, so that files are large enough to cut. */
const large = Buffer.from(
  Uint8Array.from({ length: 300 * 200 * 3 }, (_, i) => ((i * i) >> 7) ^ ((i * 31) >> 3)),
);
let jpeg: Buffer;
let png: Buffer;
let webp: Buffer;
let gif: Buffer;
beforeAll(async () => {
  const picture = sharp(large, { raw: { width: 300, height: 200, channels: 3 } });
  jpeg = await picture.clone().jpeg({ quality: 80 }).toBuffer();
  png = await picture.clone().png().toBuffer();
  webp = await picture.clone().webp({ quality: 80 }).toBuffer();
  gif = await picture.clone().gif().toBuffer();
});

// Files and pixels are Pillow's (tools/torch/data_fixtures.py); the tolerance is 0.
test.each(Object.entries(index.images))('%s is what Pillow makes of it', async (name, size) => {
  const picture = await decodeImage(readFileSync(`${folder}${name}`), name);
  expect({ width: picture.width, height: picture.height }).toEqual(size);
  const expected = readFileSync(`${folder}${name}.rgb`);
  expect(Buffer.compare(picture.pixels, expected)).toBe(0);
});

test('side by side and again, the same bits', async () => {
  const one = await decodeImage(jpeg, 'jpeg');
  const many = await Promise.all(Array.from({ length: 16 }, () => decodeImage(jpeg, 'jpeg')));
  for (const picture of many) expect(Buffer.compare(picture.pixels, one.pixels)).toBe(0);
});

describe('refused by name', () => {
  async function refusal(bytes: Uint8Array): Promise<string> {
    const error: unknown = await decodeImage(bytes, 'a/b.jpg').catch((cause) => cause);
    expect(error).toBeInstanceOf(UserError);
    return error instanceof UserError ? error.message : '';
  }

  test('an empty file', async () => {
    expect(await refusal(new Uint8Array())).toBe(
      'a/b.jpg is empty (0 bytes); copy it again or leave it out',
    );
  });

  test.each(['jpeg', 'png', 'webp', 'gif'])('%s cut off anywhere', async (kind) => {
    const whole = { jpeg, png, webp, gif }[kind] ?? jpeg;
    for (const share of [0.01, 0.1, 0.5, 0.9, 0.99]) {
      const bytes = whole.subarray(0, Math.floor(whole.length * share));
      expect(await refusal(bytes), `${share}`).toMatch(/^a\/b\.jpg is damaged: \w+ decoder: /);
    }
  });

  test('a start that is no image', async () => {
    expect(await refusal(Buffer.from('hello, world'))).toBe(
      'a/b.jpg is a text that begins "hello, world", expected JPEG, PNG, WebP or GIF; convert it to one of these or leave it out',
    );
    expect(await refusal(Buffer.of(1, 2, 255, 4, 5, 6, 7, 8, 9))).toBe(
      'a/b.jpg begins with 01 02 ff 04 05 06 07 08, expected JPEG, PNG, WebP or GIF; convert it to one of these or leave it out',
    );
    expect(await refusal(Buffer.from('<svg xmlns="…"/>'))).toContain('is an SVG drawing, expected');
  });

  test('bytes in the middle of a PNG that are not its own', async () => {
    const bytes = Buffer.from(png);
    bytes.fill(0x55, bytes.length >> 1, (bytes.length >> 1) + 64);
    expect(await refusal(bytes)).toMatch(/^a\/b\.jpg is damaged: PNG decoder/);
  });

  test('more pixels than fit', async () => {
    const bytes = Buffer.from(png);
    bytes.writeUInt32BE(100_000, 16); // width, in the header; its checksum follows
    bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29);
    expect(await refusal(bytes)).toMatch(
      /^a\/b\.jpg has 100000 x 200 pixels, expected at most 178956970|is damaged: PNG decoder/,
    );
    bytes.writeUInt32BE(100_000, 20);
    bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29);
    expect(await refusal(bytes)).toMatch(/^a\/b\.jpg has 100000 x 100000 pixels/);
  });

  test('every single byte of a small file changed: an image or a UserError, never a crash', async () => {
    const whole = readFileSync(`${folder}jpeg420`);
    for (let at = 0; at < whole.length; at += 3) {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ 0xff;
      const result: unknown = await decodeImage(bytes, 'x').catch((cause) => cause);
      if (result instanceof Error) expect(result).toBeInstanceOf(UserError);
    }
  });
});

test('what libjpeg only warns of is taken, and refused where that is asked for', async () => {
  const scan = jpeg.indexOf(Buffer.of(0xff, 0xda));
  const bytes = Buffer.concat([jpeg.subarray(0, scan), new Uint8Array(5), jpeg.subarray(scan)]);
  expect(await decodeImage(bytes, 'x')).toEqual(await decodeImage(jpeg, 'x'));
  await expect(decodeStrictly(bytes, 'x')).rejects.toThrow('5 extraneous bytes');
  expect((await decodeStrictly(jpeg, 'x')).width).toBe(300);
});

test('content decides, not the name', async () => {
  expect([jpeg, png, webp, gif].map(kindOf)).toEqual(['JPEG', 'PNG', 'WebP', 'GIF']);
  expect((await decodeImage(png, 'picture.JPEG')).pixels).toEqual(
    (await decodeImage(png, 'picture.png')).pixels,
  );
});

/** CRC-32 of PNG, bit by bit. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
