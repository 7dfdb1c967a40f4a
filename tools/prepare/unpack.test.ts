import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { type Headers, pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { entryPath, linkTarget } from './entry_path.ts';
import { unpack } from './unpack.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'reprise-unpack-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

type Made = readonly [header: Headers, content?: Buffer | string];

async function tarOf(entries: readonly Made[]): Promise<Buffer> {
  const tar = pack();
  for (const [header, content] of entries) tar.entry(header, content ?? '');
  tar.finalize();
  const pieces: Buffer[] = [];
  for await (const piece of tar) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

async function archive(entries: readonly Made[], name = 'a.tar'): Promise<string> {
  const path = join(folder, name);
  const bytes = await tarOf(entries);
  writeFileSync(path, name.endsWith('gz') ? gzipSync(bytes) : bytes);
  return path;
}

const out = () => join(folder, 'out');
const outside = () =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (name) => !/^(out|a\.tar)/.test(name),
  );

describe('what is in an archive', () => {
  test('is unpacked as tar itself unpacks it, from .tar and .tar.gz', async () => {
    mkdirSync(join(folder, 'in/a/ä ö'), { recursive: true });
    const long = `${'x'.repeat(120)}.jpg`; // longer than the plain header holds
    const files = ['one.jpg', `a/${long}`, 'a/ä ö/two.jpg', 'empty'];
    for (const [i, name] of files.entries())
      writeFileSync(
        join(folder, 'in', name),
        name === 'empty' ? '' : Buffer.alloc(3000 * i + 7, i),
      );
    for (const [format, name] of [
      ['ustar', 'u.tar'],
      ['gnu', 'g.tar'],
      ['pax', 'p.tar.gz'],
    ] as const) {
      if (format === 'ustar') rmSync(join(folder, 'in/a', long));
      else writeFileSync(join(folder, 'in/a', long), 'long');
      const flags = name.endsWith('gz') ? '-czf' : '-cf';
      const path = join(folder, name);
      execFileSync('tar', [`--format=${format}`, flags, path, '-C', join(folder, 'in'), '.']);
      const to = join(folder, `out-${format}`);
      const done = await unpack(path, to);
      const names = readdirSync(join(folder, 'in'), { recursive: true, encoding: 'utf8' });
      const own = names.filter((one) => statSync(join(folder, 'in', one)).isFile());
      expect(done).toMatchObject({ files: own.length, same: 0 });
      for (const one of own)
        expect(readFileSync(join(to, one))).toEqual(readFileSync(join(folder, 'in', one)));
      expect(done.md5).toBe(execFileSync('md5sum', [path], { encoding: 'utf8' }).slice(0, 32));
    }
  });

  test('once more changes nothing, and another file of that name is not written over', async () => {
    const path = await archive([
      [{ name: 'a/1.jpg' }, 'one'],
      [{ name: '2.jpg' }, 'two'],
    ]);
    expect(await unpack(path, out())).toMatchObject({ files: 2, same: 0 });
    const before = statSync(join(out(), 'a/1.jpg')).mtimeMs;
    expect(await unpack(path, out())).toMatchObject({ files: 2, same: 2 });
    expect(statSync(join(out(), 'a/1.jpg')).mtimeMs).toBe(before);
    for (const other of ['on3', 'one more', 'o']) {
      writeFileSync(join(out(), 'a/1.jpg'), other);
      await expect(unpack(path, out())).rejects.toThrow(
        /1\.jpg is there already with other content/,
      );
      expect(readFileSync(join(out(), 'a/1.jpg'), 'utf8')).toBe(other);
    }
  });

  test('goes where it is told, also from archives inside', async () => {
    const inner = await tarOf([[{ name: 'n01440764_1.JPEG' }, 'fish']]);
    const path = await archive([
      [{ name: 'n01440764.tar' }, inner],
      [{ name: 'left.txt' }, 'out'],
      [{ name: 'kept.txt' }, 'kept'],
    ]);
    const done = await unpack(path, out(), {
      place: (entry) => (entry === 'left.txt' ? undefined : entry),
      inside: (entry) => (entry.endsWith('.tar') ? `train/${entry.slice(0, -4)}` : undefined),
    });
    expect(done.files).toBe(2);
    expect(readFileSync(join(out(), 'train/n01440764/n01440764_1.JPEG'), 'utf8')).toBe('fish');
    expect(readdirSync(out()).sort()).toEqual(['kept.txt', 'train']);
  });

  test('links that stay inside are made, after all files', async () => {
    const path = await archive([
      [{ name: 'b', type: 'symlink', linkname: 'a' }],
      [{ name: 'c.jpg', type: 'link', linkname: 'a/1.jpg' }],
      [{ name: 'a/1.jpg' }, 'one'],
    ]);
    await unpack(path, out());
    expect(readlinkSync(join(out(), 'b'))).toBe('a');
    expect(readFileSync(join(out(), 'b/1.jpg'), 'utf8')).toBe('one');
    expect(readFileSync(join(out(), 'c.jpg'), 'utf8')).toBe('one');
    await unpack(path, out());
  });
});

describe('what would leave the target is refused', () => {
  const EVIL: readonly (readonly [string, Headers, RegExp])[] = [
    ['..', { name: '../evil' }, /"\.\.\/evil" leads out of the target by "\.\."/],
    ['.. in the middle', { name: 'a/../../evil' }, /leads out of the target/],
    ['an absolute path', { name: '/tmp/reprise-evil' }, /is an absolute path/],
    ['a drive', { name: 'C:/evil' }, /is an absolute path/],
    ['a back slash', { name: '..\\evil' }, /has a back slash/],
    [
      'a link out',
      { name: 'l', type: 'symlink', linkname: '../evil' },
      /is a link that leads out, to \.\.\/evil/,
    ],
    [
      'an absolute link',
      { name: 'l', type: 'symlink', linkname: '/etc' },
      /is a link that leads out, to \/etc/,
    ],
    [
      'a hard link out',
      { name: 'a/l', type: 'link', linkname: '../evil' },
      /is a link that leads out/,
    ],
    ['a device', { name: 'd', type: 'character-device' }, /is no file but character-device/],
    ['a pipe', { name: 'd', type: 'fifo' }, /is no file but fifo/],
  ];

  test.each(EVIL)('%s', async (_, header, message) => {
    const path = await archive([
      [{ name: 'good' }, 'x'],
      [header, ''],
      [{ name: 'after' }, 'x'],
    ]);
    await expect(unpack(path, out())).rejects.toThrow(message);
    await expect(unpack(path, out())).rejects.toThrow(path);
    expect(outside()).toEqual([]);
    expect(existsSync(join(out(), 'after'))).toBe(false);
    expect(existsSync('/tmp/reprise-evil')).toBe(false);
  });

  test('also through a link of the archive, or one that was there', async () => {
    const path = await archive([
      [{ name: 'l', type: 'symlink', linkname: 'a' }],
      [{ name: 'l/1.jpg' }, 'one'],
    ]);
    await unpack(path, out()); // `l` is a folder by then: the link is left out
    expect(statSync(join(out(), 'l')).isDirectory()).toBe(true);
    mkdirSync(join(folder, 'elsewhere'));
    symlinkSync('../elsewhere', join(out(), 'link'));
    const other = await archive([[{ name: 'link/x/1.jpg' }, 'one']], 'a.tar.gz');
    await expect(unpack(other, out())).rejects.toThrow(
      /out\/link is a link that leads to .*elsewhere, where nothing is written/,
    );
    expect(readdirSync(join(folder, 'elsewhere'))).toEqual([]);
  });

  test('no name that is taken leads out, whatever its parts', () => {
    const part = fc.constantFrom('..', '.', '', 'a', 'b', 'c:', '...', '\\', 'é');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), fc.array(part, { maxLength: 6 }), (a, b) => {
        for (const find of [
          () => entryPath(a.join('/')),
          () => linkTarget(entryPath(a.join('/')) ?? 'x', b.join('/'), false),
        ]) {
          let found: string | undefined;
          try {
            found = find();
          } catch {
            continue;
          }
          expect(join('/top', found ?? '')).toMatch(/^\/top(\/|$)/);
        }
      }),
      { seed: 8, numRuns: 2000 },
    );
  });
});

describe('what is no whole archive is named', () => {
  test('cut off', async () => {
    const path = await archive([[{ name: 'a' }, Buffer.alloc(5000, 1)]]);
    truncateSync(path, 3000);
    await expect(unpack(path, out())).rejects.toThrow(
      /a\.tar is no whole tar archive .*fetch it again/,
    );
    expect(readdirSync(out())).toEqual([]);
    const gz = await archive(
      [[{ name: 'a' }, Buffer.from(Array.from({ length: 9000 }, (_, i) => (i * i) >> 3))]],
      'a.tar.gz',
    );
    truncateSync(gz, statSync(gz).size - 40);
    await expect(unpack(gz, out())).rejects.toThrow(/a\.tar\.gz is no whole tar archive/);
    expect(readdirSync(out())).toEqual([]);
  });

  test.each([
    ['a page', '<!DOCTYPE html><html><body>sorry</body></html>'.padEnd(2000), /is an HTML page/],
    ['noise', Buffer.alloc(2048, 7), /is no whole tar archive/],
    [
      'a pointer',
      'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n',
      /Git LFS|Git-LFS|lfs/i,
    ],
  ])('%s', async (_, content, message) => {
    const path = join(folder, 'a.tar');
    writeFileSync(path, content);
    await expect(unpack(path, out())).rejects.toThrow(message);
  });

  test('not there, or a folder', async () => {
    await expect(unpack(join(folder, 'none.tar'), out())).rejects.toThrow(/none\.tar/);
    await expect(unpack(folder, out())).rejects.toThrow(folder);
  });
});
