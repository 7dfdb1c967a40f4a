import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { UserError } from '../base/errors.ts';
import { sha256File } from '../base/hash.ts';
import { bytesOf, type DType, hostArray, itemBytes, sizeOf, typedView } from '../engine/array.ts';
import {
  hashTensors,
  readSafetensors,
  readSafetensorsHeader,
  type TensorFile,
  writeSafetensors,
} from './safetensors.ts';

const folder = mkdtempSync(join(tmpdir(), 'safetensors-'));
const path = join(folder, 'file.safetensors');
afterAll(() => rmSync(folder, { recursive: true }));

const DTYPES: readonly DType[] = [
  'float32',
  'float64',
  'int32',
  'int64',
  'uint8',
  'bool',
  'bfloat16',
  'float16',
];

const arrays = fc
  .tuple(fc.constantFrom(...DTYPES), fc.array(fc.nat(4), { maxLength: 4 }))
  .chain(([dtype, shape]) => {
    const length = sizeOf(shape) * itemBytes(dtype);
    return fc
      .uint8Array({ minLength: length, maxLength: length })
      .map((raw) =>
        hostArray(dtype, shape, typedView(dtype, raw.slice().buffer, 0, sizeOf(shape))),
      );
  });
const names = fc.string({ unit: 'binary' }).filter((name) => name !== '__metadata__');
const files: fc.Arbitrary<TensorFile> = fc.record({
  tensors: fc.array(fc.tuple(names, arrays), { maxLength: 5 }).map((pairs) => new Map(pairs)),
  metadata: fc.dictionary(names, fc.string(), { maxKeys: 3 }),
});

function content({ tensors, metadata }: TensorFile) {
  const sorted = [...tensors].sort(([a], [b]) => (a < b ? -1 : 1));
  return [sorted.map(([n, t]) => [n, t.dtype, t.shape, [...bytesOf(t.data)]]), { ...metadata }];
}

test('what is written reads back, to the byte, in any order of insertion', async () => {
  await fc.assert(
    fc.asyncProperty(files, async (file) => {
      const hash = await writeSafetensors(path, file);
      expect(hash).toBe(sha256File(path));
      const back = readSafetensors(path);
      expect(content(back)).toEqual(content(file));
      expect(readSafetensorsHeader(path).canonical).toBe(true);
      const reversed = { ...file, tensors: new Map([...file.tensors].reverse()) };
      expect(await writeSafetensors(path, reversed)).toBe(hash);
      expect(hashTensors(reversed.tensors)).toBe(hashTensors(back.tensors));
    }),
    { seed: 3, numRuns: 60 },
  );
});

test('the bytes are those of the format', async () => {
  const b = hostArray('uint8', [3], Uint8Array.of(1, 2, 3));
  const a = hostArray('float32', [1, 2], Float32Array.of(1, -2));
  await writeSafetensors(path, {
    tensors: new Map([
      ['a', b],
      ['b', a],
    ]),
    metadata: { k: 'v' },
  });
  const bytes = readFileSync(path);
  const json =
    '{"__metadata__":{"k":"v"},"a":{"data_offsets":[8,11],"dtype":"U8","shape":[3]},' +
    '"b":{"data_offsets":[0,8],"dtype":"F32","shape":[1,2]}}';
  const length = Number(bytes.readBigUInt64LE());
  expect(length % 8).toBe(0);
  expect(bytes.toString('utf8', 8, 8 + length)).toBe(json.padEnd(length));
  expect(bytes.toString('hex', 8 + length)).toBe('0000803f000000c0010203');
});

test('reads only the tensors that are wanted', async () => {
  const x = hostArray('int32', [1], Int32Array.of(7));
  await writeSafetensors(path, {
    tensors: new Map([
      ['a', x],
      ['b', x],
    ]),
    metadata: {},
  });
  expect([...readSafetensors(path, (name) => name === 'b').tensors.keys()]).toEqual(['b']);
});

test('the hash of tensors depends on name, type, shape and every bit', () => {
  const of = (name: string, dtype: DType, shape: number[], value: number) =>
    hashTensors(new Map([[name, { dtype, shape, data: Float32Array.of(value) }]]));
  const hashes = [
    of('a', 'float32', [1], 0),
    of('a', 'float32', [1], -0),
    of('b', 'float32', [1], 0),
    of('a', 'float32', [], 0),
    of('a', 'int32', [1], 0),
  ];
  expect(new Set(hashes).size).toBe(hashes.length);
});

function raw(header: unknown, data = new Uint8Array(0), announced?: bigint): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(announced ?? BigInt(json.length));
  return Buffer.concat([length, json, data]);
}
const tensor = (begin: number, end: number, shape: unknown = [end - begin], dtype = 'U8') => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

test.each([
  ['an empty file', Buffer.alloc(0), 'is an empty file, expected a safetensors file'],
  ['a header length of 2^63', raw('{}', undefined, 2n ** 63n), 'do not hold the header'],
  ['a header length past the end', raw('{}', undefined, 3n), 'do not hold the header'],
  ['no JSON', raw('{"a"'), 'not JSON'],
  ['bad UTF-8', raw('{"\uDFFF"}').fill(0xff, 10, 11), 'not JSON'],
  ['a list', raw('[]'), 'not a JSON object'],
  ['metadata that is no text', raw({ __metadata__: { a: 1 } }), 'not a table of strings'],
  [
    'a type unknown',
    raw({ a: tensor(0, 2, [1], 'I16') }, new Uint8Array(2)),
    'I16, which is not supported; write it as F32',
  ],
  [
    'float8',
    raw({ a: tensor(0, 2, [2], 'F8_E4M3') }, new Uint8Array(2)),
    'has type F8_E4M3, which',
  ],
  ['a hole', raw({ a: tensor(1, 2) }, new Uint8Array(2)), 'starts at 1, expected 0'],
  ['an overlap', raw({ a: tensor(0, 2), b: tensor(1, 3) }, new Uint8Array(3)), 'starts at 1'],
  ['bytes left over', raw({ a: tensor(0, 2) }, new Uint8Array(3)), '3 bytes of data, expected 2'],
  ['bytes missing', raw({ a: tensor(0, 2) }, new Uint8Array(1)), '1 bytes of data, expected 2'],
  ['a shape that does not fit', raw({ a: tensor(0, 2, [3]) }), 'does not fit 2 bytes'],
  ['a shape that overflows', raw({ a: tensor(0, 2, [2 ** 52, 2 ** 52]) }), 'does not fit'],
  ['a negative length', raw({ a: tensor(2, 0, [0]) }), 'does not fit'],
  ['a fractional shape', raw({ a: tensor(0, 1, [1.5]) }), 'expected int'],
  ['a shape of text', raw({ a: tensor(0, 1, 'x') }), 'expected array'],
  ['a field too many', raw({ a: { ...tensor(0, 0), x: 1 } }), 'Unrecognized key'],
])('refuses %s', (_, bytes, message) => {
  writeFileSync(path, bytes);
  expect(() => readSafetensors(path)).toThrow(UserError);
  expect(() => readSafetensors(path)).toThrow(message);
});

test('a missing file and a folder are named', () => {
  expect(() => readSafetensors(join(folder, 'none'))).toThrow(UserError);
  expect(() => readSafetensors(folder)).toThrow(
    `${folder} is a folder, expected a safetensors file; name a file in it, e.g. ${path}`,
  );
  expect(() => readSafetensors('/dev/null')).toThrow('is a pipe or device');
});

test.each([
  ['Git-LFS pointer', 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n'],
  ['PyTorch checkpoint', Buffer.from(`${'PK\x03\x04'.padEnd(26, '\0')}\x10\0\0\0archive/data.pkl`)],
  ['HTML page', '<!DOCTYPE html><title>404</title>'],
  ['gzip file', Buffer.from('1f8b08000000', 'hex')],
  ['zero bytes', Buffer.alloc(4096)],
  ['JSON text', '{"format":"reprise-record-2"}'],
])('a %s instead of weights is named', (what, content) => {
  writeFileSync(path, content);
  expect(() => readSafetensors(path)).toThrow(what);
  expect(() => readSafetensorsHeader(path)).toThrow(/expected a safetensors file; \S/);
});

test('no more memory is asked for than the file has bytes', () => {
  for (const bits of [16n, 31n, 32n, 53n, 60n, 63n]) {
    writeFileSync(path, raw('{}', new Uint8Array(4000), 2n ** bits));
    const before = process.memoryUsage().arrayBuffers;
    expect(() => readSafetensors(path)).toThrow('do not hold the header');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20);
  }
});

test('a sparse file that announces a tensor of eight tebibytes is refused as one', () => {
  const bytes = 2 ** 43;
  writeFileSync(path, raw({ a: tensor(0, bytes) }));
  truncateSync(path, statSync(path).size + bytes);
  expect(() => readSafetensors(path)).toThrow(UserError);
  expect(() => readSafetensors(path)).toThrow('do not fit into memory');
});

test('any bytes are read or refused, never more', () => {
  const json = fc.json({ maxDepth: 4 });
  const hostile = fc.oneof(
    fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
    fc.tuple(json, fc.uint8Array({ maxLength: 32 })).map(([text, data]) => raw(text, data)),
  );
  fc.assert(
    fc.property(hostile, (bytes) => {
      writeFileSync(path, bytes);
      try {
        readSafetensors(path);
      } catch (error) {
        expect(error).toBeInstanceOf(UserError);
      }
    }),
    { seed: 4, numRuns: 300 },
  );
});
