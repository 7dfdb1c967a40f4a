import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { UserError } from '../../base/errors.ts';
import { sha256 } from '../../base/hash.ts';
import { readPickle } from '../pickle/plain.ts';
import type { Source } from '../source.ts';
import { openCifar } from './cifar.ts';

// Written by numpy 1.26 and 2.4 (tools/torch/cifar_again_fixtures.py).
const fixtures = fileURLToPath(
  new URL('../../../golden/data/cifar/again.json.br', import.meta.url),
);
const hex = z.string().transform((text) => Buffer.from(text, 'hex'));
const half = z.object({
  batches: z.record(z.string(), hex),
  names: z.record(z.string(), hex),
  refused: z.record(z.string(), z.object({ pickle: hex, word: z.string() })),
});
const { labels, names, pixels, numpy1, numpy2 } = z
  .object({
    labels: z.array(z.int()),
    names: z.array(z.string()),
    pixels: hex,
    numpy1: half,
    numpy2: half,
  })
  .parse(JSON.parse(brotliDecompressSync(readFileSync(fixtures)).toString()));

/** The hash that the official binary file of the same records has. */
const HASH = sha256(
  labels.map((label, i) => Uint8Array.of(label, ...pixels.subarray(i * 3072, (i + 1) * 3072))),
);

let data = '';
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'reprise-cifar-'));
  mkdirSync(join(data, 'cifar-10-batches-py'));
});
afterEach(() => rmSync(data, { recursive: true, force: true }));

function open(batch: Uint8Array, meta?: Uint8Array): Source {
  const folder = join(data, 'cifar-10-batches-py');
  writeFileSync(join(folder, 'data_batch_1'), batch);
  if (meta !== undefined) writeFileSync(join(folder, 'batches.meta'), meta);
  return openCifar({ kind: 'cifar10', root: '.', split: 'train' }, { data });
}

async function planesOf(source: Source, index: number): Promise<number[]> {
  const { pixels: found } = await source.read(index);
  return Array.from({ length: 3072 }, (_, i) => found[(i % 1024) * 3 + Math.floor(i / 1024)] ?? -1);
}

describe.each([
  ['numpy 1', numpy1],
  ['numpy 2', numpy2],
])('%s', (_, { batches, names: metas, refused }) => {
  const batch = batches.labels_list_protocol5 ?? new Uint8Array();

  test('has many forms', () => {
    expect(Object.keys(batches).length).toBeGreaterThan(100);
  });

  test.each(Object.entries(batches))('%s', async (_name, pickle) => {
    const source = open(pickle);
    expect([...(source.labels ?? [])]).toEqual(labels);
    expect(source.manifest.sha256).toBe(HASH);
    for (const index of labels.keys())
      expect(await planesOf(source, index)).toEqual([
        ...pixels.subarray(index * 3072, (index + 1) * 3072),
      ]);
  });

  test.each(Object.entries(metas))('class names as %s', (_name, meta) => {
    expect(open(batch, meta).classes).toEqual(names);
  });

  test.each(Object.entries(refused))('%s is refused by name', (_name, { pickle, word }) => {
    let message = '';
    try {
      open(pickle);
    } catch (error) {
      expect(error).toBeInstanceOf(UserError);
      message = error instanceof Error ? error.message : '';
    }
    expect(message).toMatch(/data_batch_1(:| is no CIFAR file)/);
    expect(message).toContain(word);
  });

  test('pixels of protocol 5 stay in the file, as those of the official ones', () => {
    expect(readPickle(batch).longest?.length).toBe(3 * 3072);
  });
});

describe('pickles that nothing sound has written', () => {
  const HEAD = [0x80, 5];
  const frombuffer = 'numpy.core.numeric\n_frombuffer\n';
  const text = (value: string) => [...Buffer.from(value)];
  const pickled = (...parts: (string | readonly number[])[]) =>
    Uint8Array.from([
      ...HEAD,
      ...parts.flatMap((part) => (typeof part === 'string' ? text(part) : part)),
    ]);

  test.each([
    ['a length below 0', pickled('B', [0xfb, 0xff, 0xff, 0xff]), 'of -5 bytes'],
    ['a length of 2^56', pickled([0x96, 0, 0, 0, 0, 0, 0, 0, 1]), 'more bytes'],
    ['a number of a megabyte', pickled([0x8b, 0, 0, 16, 0]), 'a number of 1048576 bytes'],
    ['a call of eval', pickled('cbuiltins\neval\n', 'V1\n', [0x85], 'R.'), 'names builtins.eval'],
    ['an attribute', pickled('cbuiltins\nlist.append\n.'), 'names builtins.list.append'],
    ['a module of numpy', pickled('cnumpy\nload\n', 'Vx\n', [0x85], 'R.'), 'names numpy.load'],
    ['torch', pickled('ctorch._utils\n_rebuild_tensor_v2\n.'), 'names torch._utils'],
    ['an extension', pickled([0x82, 1], '.'), 'extension code'],
    ['persistent', pickled('Pid\n.'), 'persistent id'],
    ['an unknown opcode', pickled([0xff], '.'), 'opcode'],
    ['nothing on the stack', pickled('.'), 'no dictionary'],
    ['no end', pickled('}'), 'end of file'],
    [
      'an array larger than its bytes',
      pickled(
        `}(Vdata\nc${frombuffer}`,
        '(C',
        [1, 0],
        'cnumpy\ndtype\n(Vu1\ntR(I1000000000\nI3072\ntVC\ntRu.',
      ),
      'shape [1000000000, 3072] with 1 elements',
    ],
    [
      'an array of side 0 and a huge one',
      pickled(
        `}(Vdata\nc${frombuffer}`,
        '(C',
        [0],
        'cnumpy\ndtype\n(Vu1\ntR(I4000000000\nI0\ntVC\ntRu.',
      ),
      'shape [4000000000, 0]',
    ],
  ])('%s', (_name, pickle, word) => {
    expect(() => open(pickle)).toThrow(UserError);
    expect(() => open(pickle)).toThrow(word);
  });

  test('every byte of a file changed, and every end: three right records, or a UserError', () => {
    const whole = numpy2.batches.labels_array_i8_protocol5 ?? Buffer.alloc(0);
    const head = whole.indexOf(pixels.subarray(0, 100));
    const tail = head + pixels.length;
    let taken = 0;
    for (let at = 0; at < whole.length; at += at > head && at < tail - 2 ? 999 : 1)
      for (const change of [0xff, 0x01, undefined]) {
        const bytes = Buffer.from(change === undefined ? whole.subarray(0, at) : whole);
        if (change !== undefined) bytes[at] = (bytes[at] ?? 0) ^ change;
        try {
          expect(open(bytes).count).toBe(3);
          taken++;
        } catch (error) {
          expect(error).toBeInstanceOf(UserError);
        }
      }
    expect(taken).toBeGreaterThan(10);
  });
});
