import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { type WrittenEntry, type WrittenOptions, zipBytes } from '../../../tools/fuzz/zips.ts';
import { UserError } from '../../base/index.ts';
import { type PickleWriter, pickleWriter } from '../../data/pickle/writer.ts';
import { recogniseBackbone } from '../recognise.ts';
import { readTorchFile, SPARE } from './torch_file.ts';

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

interface Tensor {
  readonly key?: string;
  readonly type?: string;
  readonly elements?: number;
  readonly offset?: number;
  readonly shape?: readonly number[];
  readonly strides?: readonly number[];
}

function putTensor(pickle: PickleWriter, tensor: Tensor): PickleWriter {
  const { key = '0', type = 'FloatStorage', elements = 4 } = tensor;
  const { offset = 0, shape = [2, 2], strides = [2, 1] } = tensor;
  pickle
    .global('torch._utils', '_rebuild_tensor_v2')
    .op('((')
    .text('storage')
    .global('torch', type);
  pickle.text(key).text('cpu').int(elements).op('tQ').int(offset).tuple(shape).tuple(strides);
  return pickle.bool(false).global('collections', 'OrderedDict').op(')RtR');
}

const NUMBERS = Float32Array.of(1, 2, 3, 4);
const entry = (name: string, content: Uint8Array | string): WrittenEntry => ({
  name: `a/${name}`,
  content: typeof content === 'string' ? Buffer.from(content, 'latin1') : content,
});

/** An archive of one tensor `w` of four numbers, and what is to be wrong with it. */
function archive(
  tensor: Tensor = {},
  more: { readonly entries?: readonly WrittenEntry[]; readonly options?: WrittenOptions } = {},
): Buffer {
  const pickle = putTensor(pickleWriter(2).op('}').text('w'), tensor).op('s.');
  return zipBytes(
    [
      entry('data.pkl', Buffer.concat(pickle.pieces)),
      entry('data/0', new Uint8Array(NUMBERS.buffer)),
      ...(more.entries ?? []),
    ],
    more.options,
  );
}

describe('what is sound is read', () => {
  test.each<[string, Buffer]>([
    ['plain', archive()],
    ['zip64', archive({}, { options: { zip64: true } })],
    ['with a comment', archive({}, { options: { comment: 'PK\x05\x06 of a comment' } })],
    ['little-endian by its own words', archive({}, { entries: [entry('byteorder', 'little')] })],
    [
      'packed, as a zip program writes it again',
      zipBytes([...entries()].map((one) => ({ ...one, deflated: true }))),
    ],
  ])('%s', (_, content) => {
    expect([...read(content)]).toEqual([['w', { dtype: 'float32', shape: [2, 2], data: NUMBERS }]]);
  });

  test('also a view of a part, turned', () => {
    const turned = read(archive({ offset: 1, shape: [2, 1], strides: [2, 7] }));
    expect([...(turned.get('w')?.data ?? [])]).toEqual([2, 4]);
  });
});

function* entries(): Generator<WrittenEntry> {
  const pickle = putTensor(pickleWriter(2).op('}').text('w'), {}).op('s.');
  yield entry('data.pkl', Buffer.concat(pickle.pieces));
  yield entry('data/0', new Uint8Array(NUMBERS.buffer));
}

/** The archive with one entry changed. */
function changed(name: string, change: Partial<WrittenEntry>, options?: WrittenOptions): Buffer {
  const all = [...entries()].map((one) => (one.name === `a/${name}` ? { ...one, ...change } : one));
  return zipBytes(all, options);
}

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
      zipBytes([...entries(), { ...entry('data/1', zeros), deflated: true }]),
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
      'a number of numpy',
      'cnumpy.core.multiarray\nscalar\n.',
      'it names numpy.core.multiarray.scalar',
    ],
    [
      'an array of numpy',
      'cnumpy.core.multiarray\n_reconstruct\n.',
      'it names numpy.core.multiarray._reconstruct',
    ],
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
