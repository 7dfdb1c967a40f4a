import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { sha256File, UserError } from '../base/index.ts';
import { type NpyFile, type NpyValues, NpyWriter, openNpy, readNpy } from './npy.ts';
import { encodeNpyHeader, type NpyType } from './npy_header.ts';

const fixture = fileURLToPath(new URL('../../golden/data/npy/files.json', import.meta.url));
const Entries = z.record(
  z.string(),
  z.strictObject({
    file: z.string().transform((text) => Buffer.from(text, 'base64')),
    dtype: z.custom<NpyType>((value) => typeof value === 'string'),
    shape: z.array(z.number()),
    values: z.array(z.string()),
    saved: z.boolean(),
  }),
);
const entries = Entries.parse(JSON.parse(readFileSync(fixture, 'utf8')).entries);

let folder: string;
let path: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'npy-'));
  path = join(folder, 'array.npy');
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Elements as the fixture has them: floats by the bytes of their float64. */
function texts(values: NpyValues): string[] {
  const float = values instanceof Float32Array || values instanceof Float64Array;
  return Array.from(values as ArrayLike<number | bigint>, (value) => {
    if (!float) return String(value);
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleBE(Number(value));
    return bytes.toString('hex');
  });
}

function header(text: string, version = 1, data = 0): Buffer {
  const prefix = Buffer.from(`\x93NUMPY${String.fromCharCode(version)}\0`, 'latin1');
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  if (version === 1) length.writeUInt16LE(text.length);
  else length.writeUInt32LE(text.length);
  return Buffer.concat([prefix, length, Buffer.from(text), Buffer.alloc(data)]);
}

const table = (fields: string) => `{'descr': '<f4', 'fortran_order': False, ${fields}}\n`;

describe('what NumPy writes', () => {
  it.each(Object.entries(entries))('is read as NumPy has it: %s', (_, entry) => {
    writeFileSync(path, entry.file);
    const { dtype, shape, values } = readNpy(path);
    expect({ dtype, shape, values: texts(values) }).toEqual({
      dtype: entry.dtype,
      shape: entry.shape,
      values: entry.values,
    });
  });

  it.each(Object.entries(entries))('is read by rows as whole: %s', (_, entry) => {
    writeFileSync(path, entry.file);
    const file = openNpy(path);
    const parts: string[] = [];
    for (let row = 0; row < file.count; row += 2)
      parts.push(...texts(file.rows(row, Math.min(2, file.count - row))));
    expect(parts).toEqual(entry.values);
  });

  // So NumPy reads what is written here: it is what NumPy itself would have written.
  const saved = Object.entries(entries).filter(([, one]) => one.saved);
  it.each(saved)('is written as NumPy writes it, byte for byte: %s', async (_, entry) => {
    writeFileSync(path, entry.file);
    const { dtype, shape } = openNpy(path);
    const bytes = entry.file.subarray(entry.file.indexOf('\n') + 1);
    const writer = await NpyWriter.open(path, dtype, shape);
    const half = bytes.length >> 1;
    await writer.append(bytes.subarray(0, half));
    await writer.append(bytes.subarray(half));
    const sha256 = await writer.finish();
    expect(readFileSync(path).equals(entry.file)).toBe(true);
    expect(sha256).toBe(sha256File(path));
  });
});

describe('any array', () => {
  const one = fc.record({
    shape: fc.array(fc.nat({ max: 5 }), { minLength: 1, maxLength: 4 }),
    columns: fc.boolean(),
    first: fc.nat(),
    count: fc.nat(),
  });
  it('has the rows of a plain look-up, by rows or by columns (fast-check)', () => {
    fc.assert(
      fc.property(one, ({ shape, columns, first, count }) => {
        const size = shape.reduce((a, b) => a * b, 1);
        const values = Int32Array.from({ length: size }, (_, i) => i * i);
        const sides = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
        const text = `{'descr': '<i4', 'fortran_order': ${columns ? 'True' : 'False'}, 'shape': (${sides})}\n`;
        writeFileSync(path, Buffer.concat([header(text), Buffer.from(values.buffer)]));
        const file = openNpy(path);
        const from = first % (file.count + 1);
        const length = count % (file.count - from + 1);
        const expected: number[] = [];
        for (let row = from; row < from + length; row++)
          for (let at = 0; at < file.width; at++)
            expected.push(values[placeOf(row * file.width + at, shape, columns)] ?? -1);
        expect([...file.rows(from, length)]).toEqual(expected);
      }),
      { seed: 5 },
    );
  });

  /** Where the element with a number in the order of rows lies. */
  function placeOf(number: number, shape: readonly number[], columns: boolean): number {
    if (!columns) return number;
    const index: number[] = [];
    let left = number;
    for (const side of [...shape].reverse()) {
      index.unshift(left % side);
      left = Math.floor(left / side);
    }
    return index.reduceRight((place, i, axis) => place * (shape[axis] ?? 0) + i, 0);
  }
});

describe('is refused by name, whatever it announces', () => {
  const most = '9007199254740991';
  it.each([
    ['an empty file', Buffer.alloc(0), 'is an empty file, expected a NumPy array'],
    ['a text', Buffer.from('1 2 3\n'), 'is a text that begins "1 2 3", expected a NumPy array'],
    ['ends early', Buffer.from('\x93NUMPY\x01\0', 'latin1'), 'ends in its header'],
    ['header cut', header(table("'shape': (3,), "), 1).subarray(0, 40), 'ends in its header'],
    ['version', header(table("'shape': (0,), "), 4), 'has version 4.0 of the format'],
    [
      'length of the header',
      Buffer.concat([Buffer.from('\x93NUMPY\x02\0\xff\xff\xff\xff', 'latin1'), Buffer.alloc(99)]),
      'announces a header of 4294967295 bytes, at most 65536 are read',
    ],
    ['shape', header(table("'shape': (9999999999, 9999999999), ")), 'more than any file holds'],
    ['shape with a 0', header(table(`'shape': (${most}, 0, ${most}), `)), 'more than any file'],
    ['one number', header(table(`'shape': (1${'0'.repeat(400)},), `)), 'more than any file holds'],
    [
      'too few bytes',
      header(table("'shape': (1000000000, 2), "), 1, 8),
      'holds 8 bytes of elements',
    ],
    ['too many bytes', header(table("'shape': (1,), "), 1, 8), 'but 4 are expected of shape [1]'],
    ['axes', header(table(`'shape': (${'1,'.repeat(65)}), `), 1, 4), 'has 65 axes, at most 64'],
    [
      'negative',
      header(table("'shape': (-1,), ")),
      'is no table of descr, fortran_order and shape',
    ],
    [
      'code',
      header(table("'shape': (exit(),), ")),
      'is no table of descr, fortran_order and shape',
    ],
    ['no shape', header(table('')), "has a header without 'shape'"],
    ['a field more', header(table("'shape': (0,), 'x': True, ")), 'of 4 fields, expected 3'],
    ['a field twice', header(table("'shape': (0,), 'shape': (1,), ")), "two of 'shape'"],
    ['shape of text', header(table("'shape': '3', ")), 'shape is no tuple of lengths'],
    [
      'objects',
      header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n", 1, 8),
      'holds Python objects, which are never read',
    ],
    [
      'records',
      header("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }\n", 1, 4),
      'holds records of several fields',
    ],
    [
      'complex',
      header("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }\n", 1, 8),
      'holds elements of type "<c8", expected one of float16',
    ],
    [
      'order',
      header("{'descr': '<f4', 'fortran_order': 1, 'shape': (1,), }\n", 1, 4),
      'is no table of descr, fortran_order and shape',
    ],
  ])('%s', (_, bytes, message) => {
    writeFileSync(path, bytes);
    expect(() => openNpy(path)).toThrow(UserError);
    expect(() => openNpy(path)).toThrow(path);
    expect(() => openNpy(path)).toThrow(message);
  });

  it('a folder, and a file that is not there', () => {
    expect(() => openNpy(folder)).toThrow('is a folder, expected a file');
    expect(() => openNpy(join(folder, 'none.npy'))).toThrow(/none\.npy is not there/);
  });

  it('a file that changes while it is read', () => {
    writeFileSync(path, Buffer.concat([encodeNpyHeader('float32', [4, 2]), Buffer.alloc(32)]));
    const file: NpyFile = openNpy(path);
    truncateSync(path, 140);
    expect(() => file.rows(0, 1)).toThrow('changed while it was read');
  });

  it('more bytes than may be held', () => {
    writeFileSync(path, Buffer.concat([encodeNpyHeader('float32', [4, 2]), Buffer.alloc(32)]));
    expect(() => readNpy(path, 31)).toThrow('has 32 bytes of elements, expected at most 31');
    expect(() => openNpy(path).rows(3, 2)).toThrow(RangeError);
  });
});

describe('a file that is being written', () => {
  it('is not there before it is whole, and leaves nothing when it is given up', async () => {
    const inside = mkdtempSync(join(folder, 'part-'));
    const whole = join(inside, 'a.npy');
    const first = await NpyWriter.open(whole, 'float32', [2, 2]);
    await first.append(Float32Array.of(1, 2));
    expect(readdirSync(inside).filter((name) => !name.startsWith('.'))).toEqual([]);
    await expect(first.finish()).rejects.toThrow('8 bytes are missing');
    await first.abandon();
    expect(readdirSync(inside)).toEqual([]);
    const second = await NpyWriter.open(whole, 'float32', [1, 1]);
    await expect(second.append(Float32Array.of(1, 2))).rejects.toThrow('more elements');
    await second.abandon();
    expect(readdirSync(inside)).toEqual([]);
  });

  it('says where it cannot be written', async () => {
    await expect(NpyWriter.open(join(path, 'x.npy'), 'float32', [1])).rejects.toThrow(UserError);
  });
});
