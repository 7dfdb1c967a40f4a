import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sha256 } from '../../base/hash.ts';
import { sharedPath } from '../../testing/shared.ts';
import { readPickle } from '../pickle/plain.ts';
import type { Source } from '../source.ts';
import { openCifar } from './cifar.ts';

const fixtures = fileURLToPath(new URL('../../../golden/data/cifar', import.meta.url));
const RECORD = 3073;

let data = '';
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'reprise-cifar-'));
});
afterEach(() => rmSync(data, { recursive: true, force: true }));

function put(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(join(data, path)), { recursive: true });
  if (typeof content === 'string') copyFileSync(join(fixtures, content), join(data, path));
  else writeFileSync(join(data, path), content);
}

function open(kind: 'cifar10' | 'cifar100', split: 'train' | 'test' = 'train'): Source {
  return openCifar({ kind, root: 'cifar', split }, { data });
}

/** A record of the binary format with a pattern that tells planes, rows and columns apart. */
function record(labels: readonly number[], seed = 0): Uint8Array {
  const planes = Uint8Array.from({ length: 3072 }, (_, i) => (i * 7 + seed * 13 + (i >> 10)) & 255);
  return Uint8Array.of(...labels, ...planes);
}

function joined(...records: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(records.flatMap((bytes) => [...bytes]));
}

test('planes become interleaved pixels', async () => {
  put('cifar/cifar-10-batches-bin/data_batch_1.bin', joined(record([3], 1), record([9], 2)));
  put('cifar/cifar-10-batches-bin/data_batch_3.bin', record([4], 3));
  const source = open('cifar10');
  expect([...(source.labels ?? [])]).toEqual([3, 9, 4]);
  for (const [index, seed] of [1, 2, 3].entries()) {
    const { width, height, pixels } = await source.read(index);
    expect([width, height]).toEqual([32, 32]);
    const planes = record([], seed);
    for (let at = 0; at < 3072; at++)
      expect(pixels[at]).toBe(planes[(at % 3) * 1024 + Math.floor(at / 3)]);
  }
  expect(source.describe(2)).toBe(
    join(data, 'cifar/cifar-10-batches-bin/data_batch_3.bin record 0'),
  );
  expect(() => source.read(3)).toThrow('no such index');
});

describe('the Python format', () => {
  const pickles = ['python2', 'protocol0', 'protocol2', 'protocol4', 'fortran'];

  test.each(pickles)('%s is the same as the binary file, hash and all', async (name) => {
    put('cifar/cifar-10-batches-bin/data_batch_1.bin', 'cifar10.bin');
    const binary = open('cifar10');
    rmSync(join(data, 'cifar'), { recursive: true });
    put('cifar/cifar-10-batches-py/data_batch_1', `cifar10_${name}`);
    put('cifar/cifar-10-batches-py/batches.meta', 'meta');
    const pickled = open('cifar10');
    expect(pickled.manifest.sha256).toBe(binary.manifest.sha256);
    expect(pickled.labels).toEqual(binary.labels);
    expect(pickled.classes?.[9]).toBe('name 9');
    for (let index = 0; index < 3; index++)
      expect(await pickled.read(index)).toEqual(await binary.read(index));
  });

  test('an official file leaves its pixels on disk', () => {
    const file = readFileSync(join(fixtures, 'cifar10_python2'));
    expect(readPickle(file).longest?.length).toBe(3 * 3072);
  });

  test('names outside the few allowed are refused, not called', () => {
    put('cifar/cifar-10-batches-py/data_batch_1', 'evil');
    expect(() => open('cifar10')).toThrow(
      /data_batch_1 is no CIFAR file.*names posix\.system, which is not among/,
    );
  });

  test('a file cut off anywhere is an error that names it', () => {
    const whole = readFileSync(join(fixtures, 'cifar10_python2'));
    for (const length of [0, 1, 100, 5000, whole.length - 300, whole.length - 1]) {
      put('cifar/cifar-10-batches-py/data_batch_1', whole.subarray(0, length));
      expect(() => open('cifar10')).toThrow('data_batch_1 is no CIFAR file of the Python format');
    }
  });
});

describe('CIFAR-100', () => {
  test.each(['python2', 'protocol4'])('%s is the same as the binary file', async (name) => {
    put('cifar/cifar-100-binary/train.bin', 'cifar100.bin');
    put('cifar/cifar-100-binary/fine_label_names.txt', Buffer.from(fineNames().join('\n')));
    const binary = open('cifar100');
    rmSync(join(data, 'cifar'), { recursive: true });
    put('cifar/cifar-100-python/train', `cifar100_${name}`);
    put('cifar/cifar-100-python/meta', 'meta100');
    const pickled = open('cifar100');
    for (const source of [binary, pickled]) {
      expect([...(source.labels ?? [])]).toEqual([19, 99, 0]); // the fine ones
      expect(source.classes).toEqual(fineNames());
      expect(source.count).toBe(3);
    }
    expect(pickled.manifest.sha256).toBe(binary.manifest.sha256);
    expect(pickled.manifest.notes).toContain(
      'train has 3 records where the official file has 50000',
    );
    for (let index = 0; index < 3; index++)
      expect(await pickled.read(index)).toEqual(await binary.read(index));
  });

  test('has a test split of its own', () => {
    put('cifar/cifar-100-python/test', 'cifar100_python2');
    expect(open('cifar100', 'test').count).toBe(3);
    expect(() => open('cifar100')).toThrow(/no cifar100 train files .*cifar-100-python \(train\)/);
  });

  test('a label out of range, and a file of CIFAR-10, are refused by name', () => {
    put('cifar/cifar-100-binary/train.bin', record([1, 100]));
    expect(() => open('cifar100')).toThrow(/train\.bin.*100/);
    rmSync(join(data, 'cifar'), { recursive: true });
    put('cifar/cifar-100-python/train', 'cifar10_python2');
    expect(() => open('cifar100')).toThrow(
      /train is no CIFAR file of the Python format: .*fine_labels/,
    );
  });
});

function fineNames(): string[] {
  return Array.from({ length: 100 }, (_, i) => `fine ${i}`);
}

test('folders are found under root, in the data folder, or are one of these', () => {
  const places = ['cifar/cifar-10-batches-bin', 'cifar-10-batches-bin', 'cifar', '.'];
  for (const place of places) {
    put(`${place}/test_batch.bin`, record([7]));
    expect([...(open('cifar10', 'test').labels ?? [])]).toEqual([7]);
    rmSync(join(data, place, 'test_batch.bin'));
  }
  expect(() => open('cifar10', 'test')).toThrow(
    /no cifar10 test files in .*expected cifar-10-batches-bin \(test_batch\.bin\)/,
  );
});

describe('files that are not as they should be', () => {
  test('fewer records and missing files are noted', () => {
    put('cifar/cifar-10-batches-bin/data_batch_2.bin', record([1]));
    const { notes } = open('cifar10').manifest;
    expect(notes).toHaveLength(6);
    expect(notes).toContain('data_batch_5.bin is missing');
    expect(notes).toContain('data_batch_2.bin has 1 records where the official file has 10000');
    expect(notes.at(-1)).toMatch(/^1 of the 50000 train images of cifar10/);
  });

  test('records of zero bytes at the end, as of a copy that was never finished, are noted', () => {
    const empty = new Uint8Array(2 * RECORD);
    put('cifar/cifar-10-batches-bin/test_batch.bin', joined(record([1]), empty));
    expect(open('cifar10', 'test').manifest.notes[1]).toBe(
      'the last 2 records of test_batch.bin are zero bytes: perhaps its copy was never finished',
    );
  });

  test.each([0, 1, RECORD - 1, RECORD + 1])('%i bytes', (length) => {
    put('cifar/cifar-10-batches-bin/test_batch.bin', new Uint8Array(length).fill(213));
    expect(() => open('cifar10', 'test')).toThrow(
      `test_batch.bin: ${length} bytes is no multiple of a record's 3073`,
    );
  });

  test('a label out of range', () => {
    put('cifar/cifar-10-batches-bin/test_batch.bin', joined(record([9]), record([10])));
    expect(() => open('cifar10', 'test')).toThrow(
      'test_batch.bin: label 10 of record 1 is out of range, expected 0 to 9',
    );
  });

  test('a wrong number of class names', () => {
    put('cifar/cifar-10-batches-bin/test_batch.bin', record([9]));
    put('cifar/cifar-10-batches-bin/batches.meta.txt', Buffer.from('a\nb\n\n'));
    expect(() => open('cifar10', 'test')).toThrow('batches.meta.txt: 2 class names, expected 10');
  });

  test('a changed byte changes the hash, of a pixel or of a label', () => {
    const bytes = joined(record([1]), record([2], 5));
    const hashes = [-1, 0, 5000, bytes.length - 1].map((at) => {
      const changed = bytes.slice();
      if (at >= 0) changed[at] = (changed[at] ?? 0) ^ 1;
      put('cifar/cifar-10-batches-bin/test_batch.bin', changed);
      return open('cifar10', 'test').manifest.sha256;
    });
    expect(new Set(hashes).size).toBe(4);
    expect(hashes[0]).toBe(sha256(bytes));
  });

  test('a manifest that is given is taken', () => {
    put('cifar/cifar-10-batches-bin/test_batch.bin', record([1]));
    const { manifest } = open('cifar10', 'test');
    const options = { data, manifest };
    const again = openCifar({ kind: 'cifar10', root: 'cifar', split: 'test' }, options);
    expect(again.manifest).toBe(manifest);
  });
});

const shared = sharedPath('data');
describe.skipIf(shared === undefined)('CIFAR-10 itself', () => {
  const real = (split: 'train' | 'test') =>
    openCifar({ kind: 'cifar10', root: 'cifar', split }, { data: shared ?? '' });

  // Counts, means and deviations of the README beside the files.
  test('labels and channel statistics are those of the files', async () => {
    const train = real('train');
    expect(train.count).toBe(20_000);
    expect(train.classes?.[9]).toBe('truck');
    expect(counts(train.labels, 0, 10_000)).toEqual([
      1005, 974, 1032, 1016, 999, 937, 1030, 1001, 1025, 981,
    ]);
    expect(counts(train.labels, 10_000, 20_000)).toEqual([
      984, 1007, 1010, 995, 1010, 988, 1008, 1026, 987, 985,
    ]);
    const { means, deviations } = await statistics(train, 10_000);
    expect(means.map((x) => x.toFixed(4))).toEqual(['0.4935', '0.4834', '0.4472']);
    expect(deviations.map((x) => x.toFixed(4))).toEqual(['0.2476', '0.2446', '0.2626']);
  });

  test('the short test file is read and noted', () => {
    const source = real('test');
    expect(source.count).toBe(1000);
    expect(counts(source.labels, 0, 1000)).toEqual([103, 89, 100, 103, 90, 86, 112, 102, 106, 109]);
    expect(source.manifest.notes).toEqual([
      'test_batch.bin has 1000 records where the official file has 10000',
      '1000 of the 10000 test images of cifar10: no numbers to compare with published ones',
    ]);
    const file = readFileSync(join(shared ?? '', 'cifar-10-batches-bin/test_batch.bin'));
    expect(source.manifest.sha256).toBe(sha256(file));
  });
});

function counts(labels: Int32Array | undefined, from: number, to: number): number[] {
  const sums = new Array<number>(10).fill(0);
  for (const label of labels?.subarray(from, to) ?? []) sums[label] = (sums[label] ?? 0) + 1;
  return sums;
}

async function statistics(source: Source, count: number) {
  const sums = [0, 0, 0];
  const squares = [0, 0, 0];
  for (let index = 0; index < count; index++) {
    const { pixels } = await source.read(index);
    for (let at = 0; at < pixels.length; at++) {
      const value = (pixels[at] ?? 0) / 255;
      sums[at % 3] = (sums[at % 3] ?? 0) + value;
      squares[at % 3] = (squares[at % 3] ?? 0) + value * value;
    }
  }
  const means = sums.map((sum) => sum / (count * 1024));
  const deviations = squares.map((sum, i) =>
    Math.sqrt(sum / (count * 1024) - (means[i] ?? 0) ** 2),
  );
  return { means, deviations };
}
