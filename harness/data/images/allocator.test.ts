import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const folder = fileURLToPath(new URL('../../../golden/data/images/', import.meta.url));
const names = readdirSync(folder).filter((name) => /^jpeg\w+$/.test(name) && !/cmyk/.test(name));

// The first one is part of glibc from 2.34 on, so that a machine without the others tests something.
const ALLOCATORS = [
  'libc_malloc_debug.so.0',
  'libjemalloc.so.2',
  'libtcmalloc_minimal.so.4',
  'libmimalloc.so.2',
];

/** Decodes the fixtures by libtensorflow, a few times over, and prints the pixels' bytes in hex. */
const DECODE = `
const { load } = await import(${JSON.stringify(new URL('../../../scripts/load.mjs', import.meta.url).href)});
const { readFileSync } = await import('node:fs');
const { createHash } = await import('node:crypto');
const { startEngine } = await load('harness/engine/index.ts');
const { libraryJpegDecoder } = await load('harness/data/images/jpeg.ts');
const decode = libraryJpegDecoder((await startEngine()).library.cc);
for (let i = 0; i < 50; i++)
  for (const path of process.argv.slice(1)) {
    const { pixels } = decode(readFileSync(path));
    if (i === 49) console.log(createHash('sha256').update(pixels).digest('hex'));
  }`;

/** Runs Node after another allocator has been loaded; the loader says so where there is none. */
function underAllocator(library: string, code: string, ...words: readonly string[]) {
  const env = { ...process.env, LD_PRELOAD: library, MALLOC_CHECK_: '3' };
  return spawnSync(process.execPath, ['--input-type=module', '-e', code, ...words], {
    env,
    encoding: 'utf8',
  });
}

test.for(ALLOCATORS)('under %s, JPEG files have the same pixels', (library, { skip }) => {
  skip(underAllocator(library, '').stderr.includes('cannot be preloaded'), 'not installed');
  const paths = names.map((name) => `${folder}${name}`);
  const { stdout, stderr, status, signal } = underAllocator(library, DECODE, ...paths);
  expect({ stderr, status, signal }).toEqual({ stderr: '', status: 0, signal: null });
  const hash = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
  expect(stdout.trim().split('\n')).toEqual(paths.map((path) => hash(`${path}.rgb`)));
});
