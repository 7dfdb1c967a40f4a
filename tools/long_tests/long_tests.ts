import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { inTemporaryFolder, readText, writeAtomic } from '../../harness/base/index.ts';
import { startEngine } from '../../harness/engine/index.ts';
import { computedHere } from '../../harness/record/provenance.ts';
import {
  type LongRun,
  longReport,
  longTests,
  longTestsMarkdown,
} from '../../reports/long_tests.ts';
import { owned } from '../command/owned.ts';
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
  const run = await thisRun();
  return inTemporaryFolder('long-tests-', async (folder) => {
    const file = join(folder, 'results.json');
    const words = ['run', '--config', 'vitest.long.config.ts', ...only];
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile=${file}`];
    const vitest = join(root, 'node_modules/vitest/vitest.mjs');
    const tests = spawn(process.execPath, [vitest, ...words, ...reporters], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const [status] = await once(owned(tests), 'close');
    const kept = only.length > 0 && existsSync(KEPT) ? readText(KEPT) : '{}';
    const report = {
      ...longReport.parse(JSON.parse(kept)),
      ...longTests(readText(file), root, run),
    };
    await writeAtomic(KEPT, `${JSON.stringify(report, undefined, 1)}\n`);
    await writeAtomic(PAGE, longTestsMarkdown(report));
    return { page: PAGE, code: typeof status === 'number' ? status : 1 };
  });
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
    ...(await computedHere()),
  };
}
