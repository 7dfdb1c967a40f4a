import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeAtomic } from '../../harness/base/index.ts';
import { startEngine } from '../../harness/engine/index.ts';
import { fingerprint } from '../../harness/engine/native/fingerprint.ts';
import {
  type LongRun,
  longReport,
  longTests,
  longTestsMarkdown,
} from '../../reports/long_tests.ts';
import { root } from '../command/root.ts';

const KEPT = join(root, 'reports/long_tests.json');
const PAGE = join(root, 'reports/LONG_TESTS.md');

// What is written here makes no other checkout.
const OWN = [':!reports/LONG_TESTS.md', ':!reports/long_tests.json'];

/**
 * Runs the long tests and writes their report.
 * @param only these files, while the report keeps what it has of the others; all where there are none
 * @returns path of the page, and the exit code of the tests
 */
export async function runLongTests(
  only: readonly string[],
): Promise<{ readonly page: string; readonly code: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'long-tests-'));
  const file = join(folder, 'results.json');
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
    await writeAtomic(PAGE, longTestsMarkdown(report));
    return { page: PAGE, code: status ?? 1 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Of the moment before the tests: they take long, and the checkout may change meanwhile. */
async function thisRun(): Promise<LongRun> {
  await startEngine();
  const git = (...words: string[]) =>
    spawnSync('git', words, { cwd: root, encoding: 'utf8' }).stdout.trim();
  return {
    started: new Date().toISOString(),
    commit: git('rev-parse', 'HEAD') || 'unknown',
    dirty: git('status', '--porcelain', '--', '.', ...OWN) !== '',
    node: process.version,
    cores: availableParallelism(),
    fingerprint: { ...fingerprint() },
  };
}
