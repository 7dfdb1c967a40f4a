import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { beforeAll, expect, test } from 'vitest';
import { startEngine } from '../../engine/index.ts';
import { decodeImage, useLibraryDecoder } from './decode.ts';
import type { Image } from './image.ts';
import { type JpegDecoder, libraryJpegDecoder } from './jpeg.ts';
import { isExact, isProbe, probe } from './jpeg_probe.ts';

const folder = fileURLToPath(new URL('../../../golden/data/images/', import.meta.url));
const names = readdirSync(folder).filter((name) => /^jpeg\w+$/.test(name));
const plain = names.filter((name) => !name.includes('cmyk'));
const file = (name: string) => readFileSync(`${folder}${name}`);

let library: string;
let decoder: JpegDecoder;
let large: Buffer;
beforeAll(async () => {
  library = (await startEngine()).library.cc;
  const found = libraryJpegDecoder(library);
  if (found === undefined) throw new Error('the pinned library has no JPEG decoder');
  decoder = found;
  const noise = Uint8Array.from({ length: 123 * 77 * 3 }, (_, i) => ((i * i) >> 7) ^ (i >> 3));
  const raw = { width: 123, height: 77, channels: 3 } as const;
  large = await sharp(noise, { raw }).jpeg({ quality: 80, progressive: true }).toBuffer();
});

/** What sharp makes of a file: this module has not been told of the library until the last test. */
async function bySharp(bytes: Uint8Array): Promise<Image | undefined> {
  return decodeImage(bytes, 'x').catch(() => undefined);
}

// Files and pixels are Pillow's (tools/torch/data_fixtures.py); the tolerance is 0.
test.each(plain)('%s is what Pillow makes of it', (name) => {
  const { pixels } = decoder(file(name)) ?? { pixels: new Uint8Array() };
  expect(Buffer.compare(pixels, file(`${name}.rgb`))).toBe(0);
});

test('of damaged files it gives the bits of sharp or none', async () => {
  const damaged = (whole: Buffer, step: number) =>
    Array.from({ length: Math.floor(whole.length / step) }, (_, i) => {
      const bytes = Buffer.from(whole);
      bytes[i * step] = (bytes[i * step] ?? 0) ^ 0xff;
      return i % 8 === 7 ? bytes.subarray(0, i * step) : bytes;
    });
  const files = [file('jpeg420'), file('jpeg_progressive'), large];
  let taken = 0;
  for (const bytes of files.flatMap((whole) => damaged(whole, Math.ceil(whole.length / 150)))) {
    const found = decoder(bytes);
    if (found === undefined) continue;
    taken++;
    const expected = await bySharp(bytes);
    expect(expected).toBeDefined();
    expect(Buffer.compare(found.pixels, expected?.pixels ?? new Uint8Array())).toBe(0);
  }
  expect(taken).toBeGreaterThan(50); // other bytes of a scan can be right, too
});

test('nothing where libjpeg warns, or the file has no end', () => {
  const scan = large.indexOf(Buffer.of(0xff, 0xda));
  const rest = [new Uint8Array(5), large.subarray(scan)];
  expect(decoder(Buffer.concat([large.subarray(0, scan), ...rest]))).toBeUndefined();
  expect(decoder(large.subarray(0, large.length >> 1))).toBeUndefined();
  expect(decoder(new Uint8Array())).toBeUndefined();
});

test('the probe is what sharp makes of it, and a decoder that is one off is told from that', async () => {
  const expected = await bySharp(probe());
  expect(expected).toMatchObject({ width: 21, height: 19 });
  expect(isProbe(expected?.pixels ?? new Uint8Array())).toBe(true);
  expect(isExact(decoder)).toBe(true);
  const other: JpegDecoder = (bytes) => {
    const image = decoder(bytes);
    if (image !== undefined) image.pixels[700] = (image.pixels[700] ?? 0) ^ 1;
    return image;
  };
  expect(isExact(other)).toBe(false);
  expect(isExact(() => undefined)).toBe(false);
});

test('a library without the function is no reason to fail', () => {
  expect(libraryJpegDecoder('libc.so.6')).toBeUndefined();
});

// Node unloads at exit what only koffi loaded, and then calls what the library registered for that moment.
test('a process that has decoded odd and damaged pictures ends as it should', () => {
  const child = fileURLToPath(new URL('jpeg_exit.child.ts', import.meta.url));
  const { stdout, status, signal } = spawnSync(
    process.execPath,
    ['--import', 'tsx', child, folder, library],
    { encoding: 'utf8' },
  );
  expect({ status, signal }).toEqual({ status: 0, signal: null });
  const { taken, refused } = JSON.parse(stdout);
  expect(taken).toBeGreaterThan(names.length);
  expect(refused).toBeGreaterThan(names.length);
});

test('in use, every file decodes as before, and bad ones are refused as before', async () => {
  const bad = [large.subarray(0, 400), large.subarray(0, large.length - 2), Buffer.of(0xff, 0xd8)];
  // One after another: libvips keeps the texts of its errors in one place.
  const messages = async () => {
    const texts: string[] = [];
    for (const bytes of bad)
      texts.push(await decodeImage(bytes, 'x').catch(({ message }) => message));
    return texts;
  };
  const before = await messages();
  useLibraryDecoder(library);
  expect(await messages()).toEqual(before);
  for (const name of names)
    expect(Buffer.compare((await decodeImage(file(name), name)).pixels, file(`${name}.rgb`))).toBe(
      0,
    );
});
