import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { UserError } from '../../base/errors.ts';
import type { Source } from '../source.ts';
import { openCifar } from './cifar.ts';

const pickled = fileURLToPath(
  new URL('../../../golden/data/cifar/cifar10_protocol2', import.meta.url),
);
const RECORD = 3073;
const LFS = `version https://git-lfs.github.com/spec/v1\noid sha256:${'4'.repeat(64)}\nsize 99\n`;

let data = '';
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'reprise-cifar-'));
});
afterEach(() => rmSync(data, { recursive: true, force: true }));

function put(path: string, content: Uint8Array): void {
  mkdirSync(dirname(join(data, path)), { recursive: true });
  writeFileSync(join(data, path), content);
}

function mkdir(path: string): string {
  mkdirSync(join(data, path), { recursive: true });
  return join(data, path);
}

function open(): Source {
  return openCifar({ kind: 'cifar10', root: 'cifar', split: 'test' }, { data });
}

test.each([
  ['a Git-LFS pointer', Buffer.from(LFS), /is a Git-LFS pointer.*git lfs pull/],
  ['a page', Buffer.from('<html><body>moved</body></html>'), /is an HTML page/],
  ['gzip', Buffer.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3), /is a gzip file.*gunzip/],
  ['zero bytes', new Uint8Array(4 * RECORD), /is zero bytes/],
  ['a numpy archive', Buffer.from('\x93NUMPY\x01\0v', 'latin1'), /is a NumPy array/],
])('%s is named, whatever it stands for', (_, content, words) => {
  const places = [
    'cifar-10-batches-bin/test_batch.bin',
    'cifar-10-batches-py/test_batch',
    'cifar-10-batches-py/batches.meta',
    'cifar-10-batches-bin/batches.meta.txt',
  ];
  for (const place of places) {
    rmSync(join(data, 'cifar'), { recursive: true, force: true });
    if (place.endsWith('.txt'))
      put('cifar/cifar-10-batches-bin/test_batch.bin', new Uint8Array(RECORD).fill(7));
    if (place.endsWith('.meta'))
      copyFileSync(pickled, join(mkdir('cifar/cifar-10-batches-py'), 'test_batch'));
    put(`cifar/${place}`, content);
    const refused = () => open();
    expect(refused).toThrow(UserError);
    expect(refused).toThrow(words);
    expect(refused).toThrow(place);
  }
});

test('a link that leads to itself, and a file that may not be read', () => {
  mkdirSync(join(data, 'cifar'));
  symlinkSync('test_batch.bin', join(data, 'cifar/test_batch.bin'));
  expect(() => open()).toThrow(/test_batch\.bin is a link that leads to itself/);
});
