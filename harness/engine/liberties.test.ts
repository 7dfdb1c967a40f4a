import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = new URL('../../', import.meta.url);
const FOLDERS = ['harness', 'methods', 'benchmarks', 'reports', 'tools', 'golden', 'scripts'];

// A test that took them in its own process would have it for all files of its fork.
it('are taken by the benchmark of their price and by processes of their own, and nowhere else', () => {
  const files = FOLDERS.flatMap((folder) =>
    readdirSync(new URL(folder, ROOT), { recursive: true, encoding: 'utf8' }).map(
      (file) => `${folder}/${file}`,
    ),
  );
  const takers = files.filter(
    (file) =>
      /(?<!\.child)\.(ts|mjs)$/.test(file) &&
      file !== 'harness/engine/liberties.test.ts' &&
      readFileSync(new URL(file, ROOT), 'utf8').includes('takeLiberties'),
  );
  expect(takers.sort()).toEqual(['harness/engine/liberties.ts', 'tools/speed/determinism_side.ts']);
});

it('let any op run, and leave the process without a fingerprint', () => {
  const child = fileURLToPath(new URL('liberties.child.ts', import.meta.url));
  const { stdout } = spawnSync(process.execPath, ['--import', 'tsx', child], { encoding: 'utf8' });
  const { before, after } = JSON.parse(stdout);
  expect(before[0]).toContain('not on the list of deterministic ops');
  expect(before[1]).toMatch(/^[0-9a-f]{12}$/);
  expect(after[0]).toBe('made');
  expect(after[1]).toContain('its numbers are good for nothing');
});
