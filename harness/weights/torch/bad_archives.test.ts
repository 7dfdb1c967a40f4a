import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { UserError } from '../../base/index.ts';
import { archive, changed, entriesOf, entry, NUMBERS } from '../../testing/torch_archive.ts';
import { zipBytes } from '../../testing/zips.ts';
import { readTorchFile, SPARE } from './torch_file.ts';

const folder = mkdtempSync(join(tmpdir(), 'bad-torch-'));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'weights.pth');

function read(content: Uint8Array) {
  writeFileSync(path, content);
  return readTorchFile(path);
}

function expectRefused(content: Uint8Array, message: string | RegExp) {
  expect(() => read(content)).toThrow(UserError);
  expect(() => read(content)).toThrow(`${path} is no file of PyTorch weights that can be read`);
  expect(() => read(content)).toThrow(message);
}

describe('what is sound is read', () => {
  test.each<[string, Buffer]>([
    ['plain', archive()],
    ['zip64', archive({}, { options: { zip64: true } })],
    ['with a comment', archive({}, { options: { comment: 'PK\x05\x06 of a comment' } })],
    ['little-endian by its own words', archive({}, { entries: [entry('byteorder', 'little')] })],
    [
      'packed, as a zip program writes it again',
      zipBytes([...entriesOf()].map((one) => ({ ...one, deflated: true }))),
    ],
  ])('%s', (_, content) => {
    expect([...read(content)]).toEqual([['w', { dtype: 'float32', shape: [2, 2], data: NUMBERS }]]);
  });

  test('also a view of a part, turned', () => {
    const turned = read(archive({ offset: 1, shape: [2, 1], strides: [2, 7] }));
    expect([...(turned.get('w')?.data ?? [])]).toEqual([2, 4]);
  });
});

describe('archives', () => {
  const zeros = new Uint8Array(SPARE + (1 << 20));
  test.each<[string, Buffer, string | RegExp]>([
    [
      'a storage whose checksum is another',
      changed('data/0', { wrong: { checksum: 7 } }),
      /its entry a\/data\/0 has the checksum [0-9a-f]{8}, expected 00000007: it is damaged/,
    ],
    [
      'a pickle whose checksum is another',
      changed('data.pkl', { wrong: { checksum: 7 } }),
      'a/data.pkl has the checksum',
    ],
    [
      'an encrypted entry',
      changed('data/0', { wrong: { flags: 1 } }),
      'its entry a/data/0 is encrypted',
    ],
    [
      'packed by LZMA',
      changed('data/0', { wrong: { method: 14 } }),
      'packed by method 14, which is not read',
    ],
    [
      'stored with two sizes',
      changed('data/0', { wrong: { size: 15 } }),
      'is stored and has two sizes',
    ],
    [
      'an entry inside another',
      changed('data/0', { wrong: { at: 0 } }),
      'a/data/0 begins inside another one',
    ],
    ['an entry elsewhere', changed('data/0', { wrong: { at: 5 } }), /a\/data\/0/],
    [
      'an entry beyond the end',
      changed('data/0', { wrong: { at: 1 << 20 } }),
      'a/data/0 is not where the directory says',
    ],
    [
      'an entry beyond all files',
      changed('data/0', { wrong: { at: 2 ** 52 } }, { zip64: true }),
      'a/data/0 is not where',
    ],
    [
      'an entry that is too long',
      changed('data/0', { wrong: { size: 500, packed: 500 } }),
      "ends beyond the archive's entries",
    ],
    [
      'a header of another name',
      changed('data/0', { inner: 'a/data/1' }),
      'is another one (a/data/1) where its bytes lie',
    ],
    [
      'two entries of a name',
      archive({}, { entries: [entry('data/0', 'x')] }),
      'two entries named a/data/0',
    ],
    [
      'two pickles',
      archive({}, { entries: [{ name: 'b/data.pkl', content: Buffer.from('}.') }] }),
      'it has several data.pkl: a/data.pkl, b/data.pkl',
    ],
    ['fewer entries than it says', archive({}, { options: { count: 3 } }), 'its directory'],
    [
      'a million more entries',
      archive({}, { options: { count: 2 ** 40, zip64: true } }),
      'its directory of',
    ],
    ['no pickle', zipBytes([entry('data/0', 'x')]), 'without data.pkl'],
    ['no entries', zipBytes([entry('x', '')]).subarray(0, 31), 'without an end: it is cut short'],
    [
      'a bomb',
      zipBytes([...entriesOf(), { ...entry('data/1', zeros), deflated: true }]),
      /it unpacks to \d+ bytes or more, from \d+; at most \d+ are read/,
    ],
    [
      'a bomb that hides its size',
      changed('data/0', { content: zeros, deflated: true, wrong: { size: 16 } }),
      'does not unpack to the 16 bytes that it announces',
    ],
    [
      'less than it says',
      changed('data/0', { deflated: true, wrong: { size: 17 } }),
      'unpacks to 16 bytes, expected 17',
    ],
    [
      'big-endian numbers',
      archive({}, { entries: [entry('byteorder', 'big')] }),
      'its numbers are big-endian',
    ],
    [
      'TorchScript',
      archive({}, { entries: [entry('code/__torch__.py', '')] }),
      'a TorchScript program, not weights',
    ],
    [
      'TorchScript of another kind',
      archive({}, { entries: [entry('constants.pkl', '')] }),
      'a TorchScript program',
    ],
  ])('%s', (_, content, message) => {
    expectRefused(content, message);
  });

  test('cut short anywhere', () => {
    const whole = archive();
    for (let end = 4; end < whole.length; end += 3) expectRefused(whole.subarray(0, end), /./);
  });
});
