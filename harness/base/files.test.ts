import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { UserError } from './errors.ts';
import { sweepTemporaries, writeAll, writeAtomic, writeError } from './files.ts';

const FILES = new URL('./files.ts', import.meta.url).href;
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'files-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('writes text, bytes and pieces, replaces, makes parents, leaves nothing else', async () => {
  const path = join(folder, 'a/b/file');
  await writeAtomic(path, 'text');
  expect(readFileSync(path, 'utf8')).toBe('text');
  await writeAtomic(path, [Uint8Array.of(1, 2), Uint8Array.of(), Uint8Array.of(3)]);
  expect([...readFileSync(path)]).toEqual([1, 2, 3]);
  expect(readdirSync(join(folder, 'a/b'))).toEqual(['file']);
});

test('a source of pieces that fails leaves the old file and no temporary one', async () => {
  const path = join(folder, 'file');
  await writeAtomic(path, 'old');
  function* pieces() {
    yield Uint8Array.of(1);
    throw new Error('source broke');
  }
  await expect(writeAtomic(path, pieces())).rejects.toThrow('source broke');
  expect(readFileSync(path, 'utf8')).toBe('old');
  expect(readdirSync(folder)).toEqual(['file']);
});

test('a full disk is a UserError that names the file and the mend', async () => {
  const full = await open('/dev/full', 'w');
  const cause = await writeAll(full, 'x').catch((error: unknown) => error);
  await full.close();
  const error = writeError(join(folder, 'epoch_1.safetensors'), cause);
  expect(error).toBeInstanceOf(UserError);
  expect(String(error)).toMatch(/epoch_1\.safetensors: the disk is full; free some space .* MiB/);
});

test('a write that the system cuts short leaves the old file and no temporary one', async () => {
  const path = join(folder, 'file');
  await writeAtomic(path, 'old');
  // The shell's limit counts blocks of 1024 bytes; 64 KiB cannot be written under a limit of 8.
  const script = `import { writeAtomic } from '${FILES}';
    await writeAtomic('${path}', new Uint8Array(65536)).catch((e) => console.log(e.name, e.message));`;
  const child = spawnSync(
    'bash',
    [
      '-c',
      `ulimit -f 8; exec "${process.execPath}" --import tsx --input-type=module -e "$0"`,
      script,
    ],
    { encoding: 'utf8' },
  );
  expect(child.stdout).toMatch(
    /^UserError cannot write .*file: it would pass the largest file size/,
  );
  expect(readFileSync(path, 'utf8')).toBe('old');
  expect(readdirSync(folder)).toEqual(['file']);
});

test('a file in place of a parent folder is named', async () => {
  writeFileSync(join(folder, 'plain'), '');
  await expect(writeAtomic(join(folder, 'plain/x'), '')).rejects.toThrow(UserError);
});

test('sweeping removes what dead processes left and nothing else', () => {
  const dead = spawnSync('true').pid;
  const names = [`.a.${dead}-0.tmp`, `.a.${process.pid}-0.tmp`, 'a.tmp', '.hidden'];
  for (const name of names) writeFileSync(join(folder, name), '');
  mkdirSync(join(folder, 'sub'));
  sweepTemporaries(folder);
  expect(readdirSync(folder).sort()).toEqual([...names.slice(1), 'sub'].sort());
});
