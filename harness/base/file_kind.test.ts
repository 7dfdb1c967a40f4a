import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fileKind, fileKindAt, otherKind } from './file_kind.ts';
import { KINDS } from './file_signatures.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'reprise-kind-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const bytes = (letters: string) => Buffer.from(letters, 'latin1');
const kind = (content: Uint8Array | string) => {
  const all = typeof content === 'string' ? Buffer.from(content) : content;
  return fileKind(all.subarray(0, 4096), all.length, all.subarray(-65536))?.kind;
};

/** A zip file of stored entries, as PyTorch and NumPy write them: local headers, then the directory. */
function zip(entries: Readonly<Record<string, Uint8Array>>): Buffer {
  const header = (mark: string, length: number, nameAt: number, name: string) => {
    const block = Buffer.alloc(length);
    block.write(mark, 'latin1');
    block.writeUInt16LE(name.length, nameAt);
    return Buffer.concat([block, Buffer.from(name)]);
  };
  const files = Object.entries(entries);
  return Buffer.concat([
    ...files.flatMap(([name, data]) => [header('PK\x03\x04', 30, 26, name), data]),
    ...files.map(([name]) => header('PK\x01\x02', 46, 28, name)),
    bytes('PK\x05\x06'),
    Buffer.alloc(18),
  ]);
}

function tar(mark: string): Buffer {
  const block = Buffer.alloc(1024);
  block.write('weights.pth');
  block.write('0000644', 100);
  block.write(mark, 257);
  block.fill(' ', 148, 156);
  const sum = block.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

const PICKLE_MAGIC = '\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.';

describe('text that stands for a file, or came instead of one', () => {
  test.each([
    ['lfs', 'version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 98\n'],
    ['lfs', 'version https://hawser.github.com/spec/v1\noid sha256:ab\nsize 98\n'],
    ['annex', '/annex/objects/SHA256E-s31390--e3b0.jpg\n'],
    ['annex', '../../.git/annex/objects/Kj/0x/MD5E-s3--d4/MD5E-s3--d4.jpg'],
    ['dvc', 'outs:\n- md5: a304afb96060aad90176268345e10355\n  size: 3\n  path: w.pth\n'],
    ['html', '<!DOCTYPE html>\n<html lang="en"><head><title>404</title>'],
    ['html', '\ufeff\n<!-- x --><HTML><BODY>Sign in</BODY>'],
    ['html', '<html>\n<head><title>502 Bad Gateway</title></head>'],
    ['html', '<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0">'],
    ['xml', '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>'],
    ['xml', '<Error><Code>NoSuchKey</Code></Error>'],
    ['svg', '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>'],
    ['json', '{"message":"Not Found"}'],
    ['json', '[1, 2]'],
    ['pem', '-----BEGIN CERTIFICATE-----\nMIIB'],
    ['pickle', '(dp0\nVstate\np1\n.'],
    ['text', '404: Not Found'],
    ['text', 'PAR1/a.jpg 0\nBM/b.jpg 1\n'],
    ['text', 'straße/ü.jpg 0\n'],
    ['empty', ''],
  ])('%s: %j', (expected, content) => expect(kind(content)).toBe(expected));

  test('a page in another encoding is one', () => {
    expect(kind(bytes('<html><title>Zugriff verweigert f\xfcr'))).toBe('html');
  });

  test('UTF-16 of both orders is told from binary', () => {
    const text = Buffer.from('\ufeff{"a": 1}', 'utf16le');
    expect(kind(text)).toBe('utf16');
    expect(kind(Buffer.from(text).swap16())).toBe('utf16');
  });

  test('a text is named with its begin, cut where it is long', () => {
    expect(fileKind(bytes('404: Not Found\n'), 15)?.words).toBe(
      'a text that begins "404: Not Found"',
    );
    expect(fileKind(bytes('x'.repeat(900)), 900)?.name).toContain(`"${'x'.repeat(40)}…"`);
  });

  test('a letter that the piece cuts in two leaves a text a text', () => {
    const all = Buffer.from('ü'.repeat(5000));
    expect(fileKind(all.subarray(0, 4095), all.length)?.kind).toBe('text');
  });
});

describe('archives and models', () => {
  test.each([
    ['torch', zip({ 'archive/data.pkl': bytes('\x80\x02}q\0.'), 'archive/data/0': bytes('1') })],
    ['torch', zip({ 'r50/data.pkl': bytes('\x80\x02}q\0.'), 'r50/version': bytes('3') })],
    ['torchscript', zip({ 'm/data.pkl': bytes('x'), 'm/code/__torch__.py': bytes('y') })],
    ['torchscript', zip({ 'm/data.pkl': bytes('x'), 'm/constants.pkl': bytes('y') })],
    ['torchscript', zip({ 'm/data.pkl': bytes(`\x80\x02c__torch__\nNet\n`) })],
    ['npz', zip({ 'a.npy': bytes('\x93NUMPY'), 'b.npy': bytes('\x93NUMPY') })],
    ['zip', zip({ 'a/b.jpg': bytes('\xff\xd8\xff') })],
    ['zip', zip({})],
    ['torch-legacy', bytes(`\x80\x02${PICKLE_MAGIC}`)],
    ['torch-legacy', bytes(`\x80\x04\x95\x0d\0\0\0\0\0\0\0${PICKLE_MAGIC}`)],
    ['pickle', bytes('\x80\x04\x95\x10\0\0\0\0\0\0\0}.')],
    ['pickle', bytes('\x80\x02}q\0.')],
    ['npy', bytes('\x93NUMPY\x01\0')],
    ['hdf5', bytes('\x89HDF\r\n\x1a\n\0')],
    ['onnx', bytes('\x08\x07\x12\x07pytorch\x1a\x051.9:\xa2')],
    ['gzip', gzipSync('weights')],
    ['tar', tar('ustar\0')],
    ['tar', tar('\0')],
    ['zeros', Buffer.alloc(10000)],
    ['safetensors', bytes('\x08\0\0\0\0\0\0\0{}      ')],
    ['safetensors', bytes('\x50\x53\0\0\0\0\0\0{"a": cut short')],
    ['pdf', bytes('%PDF-1.4\n%\xe2\xe3')],
    ['appledouble', bytes('\0\x05\x16\x07\0\x02\0\0Mac OS X')],
  ])('%s', (expected, content) => expect(kind(content)).toBe(expected));

  test('random bytes are none of them, and nothing throws', () => {
    const header = bytes('\x9f\x27\x05\xc1');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (content) => {
        const found = kind(Buffer.concat([header, content]));
        expect([undefined, 'tar', 'dicom', 'hdf5']).toContain(found);
        kind(content);
      }),
    );
  });
});

describe('pictures', () => {
  test.each(['jpeg', 'png', 'gif', 'webp', 'tiff', 'avif'] as const)('%s', async (format) => {
    const picture = sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } });
    expect(kind(await picture.toFormat(format).toBuffer())).toBe(format);
  });

  test.each([
    ['bmp', 'BM\x36\x10\0\0\0\0\0\0\x36\0\0\0'],
    ['heic', '\0\0\0\x18ftypheic\0\0\0\0'],
    ['video', '\0\0\0\x18ftypisom\0\0\0\0'],
    ['pnm', 'P6\n8 8\n255\n\xff\xfe\x80'],
    ['pnm', 'P3 8 8 255 0 0 0'],
  ])('%s', (expected, letters) => expect(kind(bytes(letters))).toBe(expected));
});

describe('on disk', () => {
  test('what something is, was to be and can become is one sentence', () => {
    const path = join(folder, 'moco.pth.tar');
    writeFileSync(path, zip({ 'archive/data.pkl': bytes('\x80\x02}q\0.') }));
    expect(otherKind(path, 'a safetensors file', ['safetensors'])?.message).toBe(
      `${path} is a PyTorch checkpoint (zip), expected a safetensors file; write it as safetensors with ` +
        `\`python tools/torch/to_safetensors.py ${path} ${join(folder, 'moco')}.safetensors\``,
    );
    writeFileSync(path, '\xff\xd8\xff', 'latin1');
    expect(otherKind(path, 'a record', ['json'])?.message).toBe(
      `${path} is a JPEG picture, expected a record; name a record`,
    );
    expect(otherKind(path, 'a picture', ['jpeg'])).toBeUndefined();
  });

  test('what only the end of a file tells is read there', () => {
    const path = join(folder, 'scripted.pt');
    const content = { 'm/data.pkl': Buffer.alloc(100_000), 'm/constants.pkl': bytes('x') };
    writeFileSync(path, zip(content));
    expect(fileKindAt(path)?.kind).toBe('torchscript');
  });

  test('a sparse file of one tebibyte is looked at in a moment', () => {
    const path = join(folder, 'sparse');
    writeFileSync(path, '');
    truncateSync(path, 2 ** 40);
    expect(fileKindAt(path)?.kind).toBe('zeros');
  });

  test('what cannot be read, or is no file, has no kind', () => {
    for (const path of [folder, join(folder, 'none'), '/dev/null', 'a\0b'])
      expect(fileKindAt(path)).toBeUndefined();
  });
});

test('every name has its article, so that it can follow "is"', () => {
  for (const [name] of Object.values(KINDS))
    expect(name).toMatch(/^(?:an? |zero bytes|macOS's notes)/);
});
