import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { UserError } from '../../base/index.ts';
import { pickleWriter } from '../../data/pickle/writer.ts';
import { archive, entry, NUMBERS, putTensor, type Tensor } from '../../testing/torch_archive.ts';
import { zipBytes } from '../../testing/zips.ts';
import { recogniseBackbone } from '../recognise.ts';
import { readTorchFile } from './torch_file.ts';

const golden = fileURLToPath(new URL('../../../golden/data/torch/', import.meta.url));
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

describe('tensors', () => {
  test.each<[string, Tensor, string]>([
    [
      'beyond their storage',
      { shape: [2, 3], strides: [3, 1] },
      'w: a tensor of shape [2,3] reaches to element 5 of storage 0, which has 4',
    ],
    [
      'that begin beyond it',
      { offset: 4, shape: [1], strides: [1] },
      'reaches to element 4 of storage 0',
    ],
    ['with strides beyond it', { strides: [9, 1] }, 'reaches to element 10'],
    ['with strides below 0', { strides: [-2, 1] }, 'a tensor that is not understood'],
    ['with an offset below 0', { offset: -1 }, 'a tensor that is not understood'],
    ['of a shape below 0', { shape: [-2, 2] }, 'a tensor that is not understood'],
    ['with fewer strides than axes', { strides: [1] }, 'shape [2,2] with strides [1]'],
    [
      'of more axes than PyTorch has',
      { shape: Array(65).fill(1), strides: Array(65).fill(1) },
      'a tensor that is not understood',
    ],
    ['of no storage', { key: '9' }, 'w: storage 9 is not in it'],
    ['of a storage that is too short', { elements: 5 }, 'storage 0 has 16 bytes, expected 20'],
    ['of a storage of more bytes than there are', { elements: 2 ** 52 }, 'storage 0 has 16 bytes'],
    [
      'that repeat one number for ever',
      { shape: [2 ** 20, 2 ** 20], strides: [0, 0] },
      'its tensors would take 4398046511104 bytes',
    ],
    [
      'of complex numbers',
      { type: 'ComplexFloatStorage' },
      'storages of type ComplexFloatStorage are not read',
    ],
    [
      'of quantised numbers',
      { type: 'QInt8Storage' },
      'storages of type QInt8Storage are not read',
    ],
  ])('%s', (_, tensor, message) => {
    expectRefused(archive(tensor), message);
  });
});

describe('pickles with more than tensors in them', () => {
  const zipped = (text: string) => zipBytes([entry('data.pkl', text)]);
  test.each([
    [
      'eval',
      'c__builtin__\neval\n(U\x011tR.',
      'it names __builtin__.eval, which is none of the few names',
    ],
    ['exec of Python 3', 'cbuiltins\nexec\n(U\x011tR.', 'it names builtins.exec'],
    ['getattr', 'cbuiltins\ngetattr\n.', 'it names builtins.getattr'],
    [
      'a module by a part of its name',
      'ctorch\n_utils._rebuild_tensor_v2.__globals__\n.',
      'it names torch._utils._rebuild_tensor_v2.__globals__',
    ],
    ['torch.load', 'ctorch\nload\n(U\x01xtR.', 'it names torch.load'],
    [
      'a generator of numpy',
      'cnumpy.random\nRandomState\n.',
      'it names numpy.random.RandomState, which is none of the few names',
    ],
    [
      'an array of numpy without its state',
      'cnumpy.core.multiarray\n_reconstruct\n)R.',
      'it holds an array whose state is not understood',
    ],
    ['a codec that is not text', 'c_codecs\ndecode\n.', 'it names _codecs.decode'],
    ['by INST', '(U\x01xiposix\nsystem\n.', 'it names posix.system'],
    ['by STACK_GLOBAL', 'U\x05posixU\x06system\x93.', 'it names posix.system'],
    ['by the prototype', 'cconstructor\nprototype\n.', 'it names constructor.prototype'],
    [
      'quantised tensors',
      'ctorch._utils\n_rebuild_qtensor\n.',
      'it holds quantised tensors (torch._utils._rebuild_qtensor), which are not read',
    ],
    ['sparse tensors', 'ctorch._utils\n_rebuild_sparse_tensor\n.', 'it holds sparse tensors'],
    ['a storage class that is called', 'ctorch\nFloatStorage\n)R.', 'calls what is no name'],
    ['lists too deep', `${'('.repeat(150)}${'l'.repeat(150)}.`, 'tables more than 100 deep'],
    ['a list in itself', ']q\0h\0a.', 'tables more than 100 deep'],
    ['a name without end', `}(X\x88\x13\0\0${'n'.repeat(5000)}}u.`, 'a name of 5000 letters'],
  ])('%s', (_, text, message) => {
    expectRefused(zipped(text), message);
  });

  test('two tensors of one name', () => {
    const pickle = pickleWriter(2).op('}(').text('a.b');
    putTensor(pickle, {}).text('a').op('}').text('b');
    expectRefused(
      zipBytes([
        entry('data.pkl', Buffer.concat(putTensor(pickle, {}).op('su.').pieces)),
        entry('data/0', new Uint8Array(NUMBERS.buffer)),
      ]),
      'it holds two tensors named a.b',
    );
  });
});

describe('files of before PyTorch 1.6', () => {
  const whole = readFileSync(join(golden, 'strided_legacy.pth'));
  test('cut short anywhere', () => {
    for (let end = 16; end < whole.length; end += 37) expectRefused(whole.subarray(0, end), /./);
  });

  test('of big-endian numbers', () => {
    const text = whole
      .toString('latin1')
      .replace('little_endianq\x02\x88', 'little_endianq\x02\x89');
    expectRefused(Buffer.from(text, 'latin1'), 'its numbers are big-endian');
  });

  test('of another version', () => {
    const bytes = Buffer.from(whole);
    expect(bytes.toString('latin1', 15, 20)).toBe('\x80\x02M\xe9\x03');
    bytes[18] = 0xe8;
    expectRefused(bytes, 'it is of version 1000 of the format');
  });
});

test.each([
  [
    'a Git-LFS pointer',
    'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n',
    /is a Git-LFS pointer, not the file itself.*git lfs pull/,
  ],
  [
    'a page',
    '<!doctype html><html><body>Not found</body></html>',
    /is an HTML page.*a server sent it/,
  ],
  ['nothing', '', /is an empty file/],
  [
    'a tar archive, as PyTorch wrote before 0.1.10',
    `${'a'.repeat(257)}ustar${'\0'.repeat(300)}`,
    /is a tar archive/,
  ],
])('%s is named as what it is', async (_, text, message) => {
  writeFileSync(path, text);
  await expect(recogniseBackbone(path)).rejects.toThrow(UserError);
  await expect(recogniseBackbone(path)).rejects.toThrow(message);
});
