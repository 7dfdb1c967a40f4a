import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FileIndex } from './file_index.ts';
import { indexList } from './list.ts';

const data = mkdtempSync(join(tmpdir(), 'reprise-list-'));
const COMPOSED = 'caf\u00e9/\u00fc.jpg';
const TAKEN_APART = COMPOSED.normalize('NFD');

beforeAll(() => {
  for (const name of ['a/1.jpg', 'a/2 b.jpg', 'a, b/3.jpg', COMPOSED, 'mac/e\u0301.jpg'])
    put(`set/${name}`, 'x');
});
afterAll(() => rmSync(data, { recursive: true }));

function put(name: string, content: string | Uint8Array): void {
  mkdirSync(dirname(join(data, name)), { recursive: true });
  writeFileSync(join(data, name), content);
}

function read(text: string | Uint8Array, change: object = {}): Promise<FileIndex> {
  put('list.txt', text);
  const spec = { kind: 'list', root: 'set', file: 'list.txt', labelled: true, ...change } as const;
  return indexList(spec, { data });
}

describe('a line with a label', () => {
  test.each([
    ['a/1.jpg 3', 'a/1.jpg', 3],
    ['a/1.jpg,3', 'a/1.jpg', 3],
    ['a/1.jpg, 3', 'a/1.jpg', 3],
    ['a/1.jpg;3', 'a/1.jpg', 3],
    ['a/1.jpg\t3  ', 'a/1.jpg', 3],
    ['a/2 b.jpg 3', 'a/2 b.jpg', 3],
    ['a/2 b.jpg,3', 'a/2 b.jpg', 3],
    ['a, b/3.jpg 4', 'a, b/3.jpg', 4],
    ['"a, b/3.jpg",4', 'a, b/3.jpg', 4],
    ['"a/1.jpg" 4', 'a/1.jpg', 4],
    ['a/1.jpg,"4"', 'a/1.jpg', 4],
    ['./a//1.jpg 0', 'a/1.jpg', 0],
    ['../set/a/1.jpg 0', '../set/a/1.jpg', 0],
    ['a\\1.jpg 0', 'a/1.jpg', 0],
    ['/else/where.jpg 0', '/else/where.jpg', 0],
    ['a/1 007', 'a/1', 7],
    ['\uFEFFa/1.jpg 3', 'a/1.jpg', 3],
  ])('%j', async (line, name, label) => {
    const { names, labels } = await read(line);
    expect([...names, ...(labels ?? [])]).toEqual([name, label]);
  });

  test.each([
    ['a/1.jpg 1 2', /line 1: "a\/1\.jpg 1 2" has several labels, expected one/],
    ['a/1.jpg,1,2', /several labels/],
    ['a/1.jpg 1,2', /several labels/],
    ['a/1.jpg 0 1 0 0', /several labels/],
    ['a/1.jpg 0.5 0.5', /several labels/],
    ['3 a/1.jpg', /has no label, expected "PATH LABEL"/],
    ['a/1.jpg,', /has no label/],
    ['a/1.jpg -1', /label "-1" is no class number/],
    ['a/1.jpg 2.0', /label "2\.0" is no class number/],
    ['path,label\na/1.jpg,1', /line 1: "path,label" is the header of a table/],
    ['# comment\na/1.jpg 1', /line 1: label "comment" is no class number/],
    ['a/\0.jpg 1', /line 1: a NUL in the path/],
    ['C:\\a\\1.jpg 1', /is a path of Windows/],
    ['https://a.b/1.jpg 1', /is an address/],
    [`${'a'.repeat(20_000)} 1`, /line 1 has 20002 letters/],
  ])('%j is refused', async (text, message) => {
    await expect(read(text)).rejects.toThrow(message);
  });

  test('a class by its name, where the source names them', async () => {
    const classes = ['cat', 'dog', 'caf\u00e9'];
    const { labels, classes: names } = await read('a b\n', { classes, labelled: false });
    expect([labels, names]).toEqual([undefined, undefined]);
    const text = 'a/1.jpg dog\nb.jpg 0\nc.jpg,cafe\u0301';
    expect(await read(text, { classes })).toMatchObject({
      labels: Int32Array.of(1, 0, 2),
      classes,
    });
    await expect(read('a/1.jpg bird', { classes })).rejects.toThrow(
      'line 1: label "bird" is none of the 3 classes that the source names',
    );
    await expect(read('a/1.jpg 3', { classes })).rejects.toThrow('label "3" is none of the 3');
  });

  test('numbers that are names count as names: a list from 1', async () => {
    const classes = ['1', '2', '3'];
    const { labels } = await read('a.jpg 1\nb.jpg 3\nc.jpg 02', { classes });
    expect([...(labels ?? [])]).toEqual([0, 2, 1]);
    await expect(read('a.jpg 0', { classes })).rejects.toThrow('label "0" is none of the 3');
  });

  test('a count of classes, and a file of their names', async () => {
    expect((await read('a.jpg 1', { classes: 3 })).classes).toEqual(['0', '1', '2']);
    put('names.txt', 'cat\r\nbig dog\r\n');
    const { classes, labels } = await read('a.jpg,big dog\n', { classes: 'names.txt' });
    expect([classes, [...(labels ?? [])]]).toEqual([['cat', 'big dog'], [1]]);
  });

  test.each([
    [['a', 'a'], /the class "a" is there twice/],
    [['1', '01'], /"1" and "01" are one class by their names/],
    [['cat', '0'], /the name "0" is a number and others are not/],
    ['none.txt', /none\.txt is not there/],
    [2_000_000_000, /classes: found 2000000000, expected at most/],
  ])('classes %j are refused', async (classes, message) => {
    await expect(read('a.jpg 0', { classes })).rejects.toThrow(message);
  });
});

describe('a line without a label', () => {
  const plain = { labelled: false };
  test.each([
    ['a/2 b.jpg', 'a/2 b.jpg'],
    ['"a, b/3.jpg"', 'a, b/3.jpg'],
    ['a, b/3.jpg', 'a, b/3.jpg'],
    ['a\\2 b.jpg', 'a/2 b.jpg'],
  ])('%j', async (line, name) => {
    expect((await read(line, plain)).names).toEqual([name]);
  });

  test.each(['a/1.jpg 3', 'a/1.jpg,3', 'a/1.jpg, cat', '"a/1.jpg",3', 'a/1.jpg\t3'])(
    '%j is refused',
    async (line) => {
      await expect(read(line, plain)).rejects.toThrow(/line 1: .* has a label, expected a path/);
    },
  );
});

describe('a list', () => {
  test.each([
    ['CR', 'a/1.jpg 0\rb.jpg 1\r'],
    ['all line ends', 'a/1.jpg 0\r\nb.jpg 1\n\r'],
    ['UTF-16, as of PowerShell', Buffer.from('\uFEFFa/1.jpg 0\r\nb.jpg 1\r\n', 'utf16le')],
  ])('with %s', async (_, text) => {
    const { names, labels } = await read(text);
    expect([...names, ...(labels ?? [])]).toEqual(['a/1.jpg', 'b.jpg', 0, 1]);
  });

  test('finds names whose letters are encoded in another form', async () => {
    for (const name of [COMPOSED, TAKEN_APART, 'mac/\u00e9.jpg', '../set/mac/\u00e9.jpg'])
      expect((await read(`${name} 0`)).names[0]?.normalize('NFC')).toBe(name.normalize('NFC'));
    expect((await read(`${TAKEN_APART} 0`)).names).toEqual([COMPOSED]);
    expect((await read('mac/\u00e9.jpg 0')).names).toEqual(['mac/e\u0301.jpg']);
    expect((await read('none/\u00e9.jpg 0')).names).toEqual(['none/\u00e9.jpg']);
    put('set/mac/\u00e9.jpg', 'x');
    put('set/two/e\u0301.jpg', 'x');
    put('set/two/\u00e9.jpg', 'x');
    // Each as it is written, where it is there.
    expect((await read('two/\u00e9.jpg 0\ntwo/e\u0301.jpg 0')).names).toHaveLength(2);
  });

  test('a back slash that belongs to a name stays', async () => {
    put('set/odd\\name.jpg', 'x');
    expect((await read('odd\\name.jpg 0')).names).toEqual(['odd\\name.jpg']);
  });

  test('a label that no class count could hold is only a number', async () => {
    const { labels } = await read('a/1.jpg 0\nb.jpg 2000000000');
    expect([...(labels ?? [])]).toEqual([0, 2_000_000_000]);
  });

  test('stops when it is told to', async () => {
    const controller = new AbortController();
    controller.abort();
    const spec = { kind: 'list', root: 'set', file: 'list.txt', labelled: false } as const;
    const { signal } = controller;
    await expect(indexList(spec, { data, signal })).rejects.toBe(signal.reason);
  });
});
