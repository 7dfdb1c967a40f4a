import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { command } from './cli.mjs';
import { load, root } from './load.mjs';

const KEPT = join(root, 'reports/long_tests.json');

// What this script writes itself makes no other checkout.
const OWN = [':!reports/LONG_TESTS.md', ':!reports/long_tests.json'];

await command(
  import.meta.url,
  {
    summary:
      'Run the long tests and write reports/LONG_TESTS.md: what ran, when, where, how it ended.',
    options: {
      only: {
        kind: 'list',
        value: 'PATH',
        help: 'these files alone; the report keeps what it has of the others',
      },
    },
    examples: ['--only scripts/train.long.test.ts'],
  },
  async ({ options, print }) => {
    const { longReport, longTests, longTestsMarkdown } = await load('reports/long_tests.ts');
    const { writeAtomic } = await load('harness/base/files.ts');
    const folder = mkdtempSync(join(tmpdir(), 'long-tests-'));
    const file = join(folder, 'results.json');
    const only = options.only ?? [];
    const run = await thisRun();
    try {
      const words = ['run', '--config', 'vitest.long.config.ts', ...only];
      const reporters = ['--reporter=default', '--reporter=json', `--outputFile=${file}`];
      const vitest = join(root, 'node_modules/vitest/vitest.mjs');
      const { status } = spawnSync(process.execPath, [vitest, ...words, ...reporters], {
        cwd: root,
        stdio: ['ignore', 'inherit', 'inherit'],
      });
      const kept = only.length > 0 && existsSync(KEPT) ? readFileSync(KEPT, 'utf8') : '{}';
      const report = {
        ...longReport.parse(JSON.parse(kept)),
        ...longTests(readFileSync(file, 'utf8'), root, run),
      };
      await writeAtomic(KEPT, `${JSON.stringify(report, undefined, 1)}\n`);
      const path = join(root, 'reports/LONG_TESTS.md');
      await writeAtomic(path, longTestsMarkdown(report));
      print({ report: path }, `wrote ${path}`);
      return status ?? 1;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);

/** Of the moment before the tests: they take long, and the checkout may change meanwhile. */
async function thisRun() {
  const { startEngine } = await load('harness/engine/index.ts');
  const { fingerprint } = await load('harness/engine/native/fingerprint.ts');
  await startEngine();
  const git = (...words) => spawnSync('git', words, { cwd: root, encoding: 'utf8' }).stdout.trim();
  return {
    started: new Date().toISOString(),
    commit: git('rev-parse', 'HEAD') || 'unknown',
    dirty: git('status', '--porcelain', '--', '.', ...OWN) !== '',
    node: process.version,
    cores: availableParallelism(),
    fingerprint: { ...fingerprint() },
  };
}
