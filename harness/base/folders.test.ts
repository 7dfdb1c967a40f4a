import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeFolders } from './folders.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'folders-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('makes what is missing, and nothing where all is there', () => {
  makeFolders(join(folder, 'a/b/c'));
  makeFolders(join(folder, 'a/b/c'));
  expect(existsSync(join(folder, 'a/b/c'))).toBe(true);
});

test.each([
  ['/proc/none/folder', 'ENOENT'],
  ['/dev/null/folder', "EEXIST: file already exists, mkdir '/dev/null'"],
])('%s cannot be made, and ends', (path, code) => {
  expect(() => makeFolders(path)).toThrow(code);
});

test('a file or a dead link in the way is no folder', () => {
  writeFileSync(join(folder, 'file'), '');
  symlinkSync('nowhere', join(folder, 'link'));
  expect(() => makeFolders(join(folder, 'file'))).toThrow('EEXIST');
  expect(() => makeFolders(join(folder, 'link'))).toThrow('ENOENT');
  expect(() => makeFolders('')).toThrow('ENOENT');
});
