import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UserError } from './errors.ts';
import { kindOfPath } from './file_error.ts';
import { sha256File } from './hash.ts';
import { readJson } from './json_file.ts';

let folder = '';
const at = (name: string) => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'reprise-json-'));
  mkdirSync(at('sub'));
  writeFileSync(at('plain'), '{}');
  symlinkSync('loop', at('loop'));
  symlinkSync('gone', at('dangling'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Every way in which a path can lead to no file, and what is said of it. */
const BAD: readonly (readonly [string, string, RegExp])[] = [
  ['nothing there', 'none.json', /none\.json is not there; correct the path/],
  ['a folder', 'sub', /sub is a folder, expected a file/],
  ['a file as a folder', 'plain/x.json', /a part of its path is a file/],
  ['a link to itself', 'loop', /loop is a link that leads to itself/],
  ['a link to nothing', 'dangling', /dangling is a link to gone, which is not there/],
  ['too long a name', 'n'.repeat(300), /has a name that is too long/],
  ['a NUL', 'a\0b', /a\\x00b holds a character that no path can have/],
];

describe.each(BAD)('%s', (_, name, message) => {
  test('is one sentence, of a reader of JSON and of a hash', () => {
    for (const read of [() => readJson(at(name), 'a record'), () => sha256File(at(name))]) {
      expect(read).toThrow(UserError);
      expect(read).toThrow(message);
    }
  });
});

test('what a path is, is told or refused, never guessed', () => {
  expect(kindOfPath(at('plain'))).toBe('file');
  expect(kindOfPath(at('sub'))).toBe('folder');
  expect(kindOfPath('/dev/null')).toBe('other');
  expect(kindOfPath(at('none'))).toBeUndefined();
  for (const [, name, message] of BAD.slice(2)) expect(() => kindOfPath(at(name))).toThrow(message);
});

// Root may read everything.
test.skipIf(process.getuid?.() === 0)('what may not be read is said', () => {
  writeFileSync(at('secret'), '{}');
  chmodSync(at('secret'), 0);
  expect(() => readJson(at('secret'), 'a record')).toThrow(/secret may not be read/);
});

describe('content', () => {
  const read = (content: string | Uint8Array) => {
    writeFileSync(at('file.json'), content);
    return readJson(at('file.json'), 'the record of a run');
  };

  test('is read with a byte order mark and without', () => {
    expect(read('{"a":[1,2]}')).toEqual({ a: [1, 2] });
    expect(read('\ufeff{"a":1}\r\n')).toEqual({ a: 1 });
  });

  test.each([
    ['', /file\.json is an empty file, expected the record of a run; fetch or write it again/],
    [gzipSync('{}'), /is a gzip file, expected the record of a run; unpack it with `gunzip`/],
    ['<!doctype html><p>404', /is an HTML page, .*download the file again/],
    [Buffer.from('\ufeff{}', 'utf16le'), /is a text in UTF-16, .*save it as UTF-8/],
    ['version https://git-lfs.github.com/spec/v1\noid sha256:a\nsize 1\n', /`git lfs pull`/],
    [Buffer.alloc(64), /is zero bytes/],
    [
      '404: Not Found',
      /is no JSON, expected the record of a run: Unexpected .* at line 1, column 4/,
    ],
    ['{\n  "a": 1,\n}\n', /is no JSON, .* at line 3, column 1; mend it there/],
    ['{"a": 1', /is no JSON, .* at line 1, column 8/],
  ])('%j is refused by what it is', (content, message) => {
    expect(() => read(content)).toThrow(message);
  });

  test('a pipe is not waited for', () => {
    execFileSync('mkfifo', [at('pipe')]);
    expect(kindOfPath(at('pipe'))).toBe('other');
  });
});
