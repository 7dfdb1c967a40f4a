import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { zipSync } from 'fflate';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fileKindAt, UserError } from '../../base/index.ts';
import { bytesOf } from '../../engine/array.ts';
import { readTorchFile } from './torch_file.ts';

const fixtures = fileURLToPath(new URL('../../../golden/data/torch/', import.meta.url));
const files = readdirSync(fixtures).filter((name) => name.endsWith('.pth'));
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'torch-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

interface Listed {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly hex: string;
}

/** The bytes of PyTorch's 8- and 16-bit numbers as int32. */
function widened({ dtype, hex }: Listed): string {
  const raw = Buffer.from(hex, 'hex');
  if (dtype === 'int8') return bytesOf(Int32Array.from(new Int8Array(raw))).toString();
  const shorts = new Int16Array(Uint8Array.from(raw).buffer);
  return bytesOf(Int32Array.from(shorts)).toString();
}

// The values are PyTorch's own, from tools/torch/torch_file_fixtures.py.
test.each(files.filter((name) => !name.startsWith('refused')))(
  'has the tensors that PyTorch put there: %s',
  (file) => {
    const listed: Record<string, Listed> = JSON.parse(
      readFileSync(join(fixtures, file.replace(/_(zip|legacy)\.pth$/, '.json')), 'utf8'),
    );
    const tensors = readTorchFile(join(fixtures, file));
    expect([...tensors.keys()].sort()).toEqual(Object.keys(listed).sort());
    for (const [name, one] of Object.entries(listed)) {
      const array = tensors.get(name);
      expect(array?.shape, name).toEqual(one.shape);
      const bytes = bytesOf(array?.data ?? new Uint8Array());
      if (one.dtype === 'int8' || one.dtype === 'int16') {
        expect(array?.dtype).toBe('int32');
        expect(bytes.toString(), name).toBe(widened(one));
      } else {
        expect(array?.dtype).toBe(one.dtype);
        expect(Buffer.from(bytes).toString('hex'), name).toBe(one.hex);
      }
    }
  },
);

test.each([
  ['code', /it names (posix|os)\.system, which is none of the few names that tensors need/],
  ['getattr', /it names __builtin__\.getattr/],
  ['namespace', /it names argparse\.Namespace/],
  ['model', /it names torch\.nn\.modules\.container\.Sequential.*state_dict/],
  ['torchscript', /TorchScript program, not weights/],
  ['complex', /storages of type ComplexFloatStorage are not read/],
  ['plain_pickle', /does not begin as one/],
])('refuses by name: %s', (name, message) => {
  expect(() => readTorchFile(join(fixtures, `refused_${name}.pth`))).toThrow(message);
  expect(existsSync('/tmp/reprise-attacked')).toBe(false);
});

test('only what is wanted is made', () => {
  const wanted = readTorchFile(join(fixtures, 'strided_zip.pth'), (name) => name === 'part');
  expect([...wanted.keys()]).toEqual(['part']);
});

function pickled(hex: string): string {
  const path = join(folder, 'made.pth');
  const entry = { 'archive/data.pkl': Buffer.from(hex, 'hex') };
  writeFileSync(path, zipSync(entry, { level: 0 }));
  return path;
}

test('a small file that means a giant one ends at once', () => {
  // A list of itself twice, forty times over: 2^40 values. ] then for each level: dup into a new list.
  const doubled = Array.from({ length: 40 }, (_, i) => {
    const [one, two] = [i, i + 1].map((n) => n.toString(16).padStart(2, '0'));
    return `5d71${two}2868${one}68${one}65`;
  }).join('');
  expect(() => readTorchFile(pickled(`80025d7100${doubled}2e`))).toThrow(
    /more than 1000000 values/,
  );
});

test('every cut and every changed byte ends in values or in one error that names the file', () => {
  const sources = files.map((name) => readFileSync(join(fixtures, name)));
  const path = join(folder, 'changed.pth');
  fc.assert(
    fc.property(
      fc.nat(sources.length - 1),
      fc.array(fc.tuple(fc.nat(1 << 16), fc.nat(255)), { maxLength: 4 }),
      fc.option(fc.nat(1 << 16)),
      (which, changes, cut) => {
        const bytes = Buffer.from(sources[which] ?? Buffer.alloc(0));
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        writeFileSync(path, cut === null ? bytes : bytes.subarray(0, cut % bytes.length));
        try {
          readTorchFile(path);
        } catch (error) {
          expect(error).toBeInstanceOf(UserError);
          expect(String(error)).toContain(path);
        }
      },
    ),
    { seed: 11, numRuns: 2000 },
  );
});

test('a length below 0 does not send the reader back for ever', () => {
  expect(() => readTorchFile(pickled('800242f6ffffff2e'))).toThrow(/something of -10 bytes/);
});

test('is known by its content', () => {
  const kinds = files
    .filter((one) => !/plain|torchscript/.test(one))
    .map((name) => fileKindAt(join(fixtures, name))?.kind ?? '');
  expect(kinds.filter((kind) => !/^torch(-legacy)?$/.test(kind))).toEqual([]);
});
