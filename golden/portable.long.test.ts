import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { benchmarks } from '../benchmarks/index.ts';
import { drawn } from './drawn.ts';
import { portableVerdict } from './portable.ts';

const root = dirname(import.meta.dirname);

test.each(drawn)(
  '$name with portable numerics is its golden bit for bit, to the end',
  async ({ name }) => {
    const { kind, pass, text } = await portableVerdict(name);
    expect(pass, text).toBe(true);
    expect(kind, text).toBe('exact');
  },
);

test.each(Object.keys(benchmarks))(
  'benchmark %s with portable numerics is its golden bit for bit',
  async (kind) => {
    const folder = mkdtempSync(join(tmpdir(), 'portable-'));
    const line = [
      'scripts/benchmark.mjs',
      kind,
      'random',
      '--set',
      'numerics=portable',
      '--work_dir',
      folder,
    ];
    const { stdout } = await promisify(execFile)(process.execPath, line, { cwd: root });
    rmSync(folder, { recursive: true });
    expect(stdout).toMatch(
      /values compared bit by bit with the golden of this platform, \w+: all fit/,
    );
  },
);
