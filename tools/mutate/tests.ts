import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { MutationResult } from '../../reports/mutations.ts';
import { owned } from '../command/owned.ts';

const Report = z.looseObject({
  numTotalTests: z.int(),
  testResults: z.array(
    z.looseObject({
      status: z.string(),
      message: z.string().default(''),
      assertionResults: z.array(z.looseObject({ status: z.string(), fullName: z.string() })),
    }),
  ),
});

/** Runs files of tests in a tree, in a process of their own: the first test that fails. */
export async function testsIn(
  tree: string,
  files: readonly string[],
): Promise<Pick<MutationResult, 'caught' | 'failure'>> {
  const path = join(tree, 'tests.json');
  rmSync(path, { force: true });
  await ended(tree, files, path);
  if (!existsSync(path)) return { failure: 'the tests did not run' };
  return verdictOn(JSON.parse(readFileSync(path, 'utf8')));
}

/** What a report of vitest says. A change that keeps the tests from running shows nothing. */
export function verdictOn(report: unknown): Pick<MutationResult, 'caught' | 'failure'> {
  const { numTotalTests, testResults } = Report.parse(report);
  const tests = testResults.flatMap((one) => one.assertionResults);
  const failed = tests.find(({ status }) => status === 'failed');
  if (failed !== undefined) return { caught: `the test "${failed.fullName}"` };
  const broken = testResults.find(({ status }) => status !== 'passed');
  if (broken !== undefined) return { failure: `the tests stop: ${broken.message}` };
  // So vitest has it where the process of the tests ends in the middle: with a file that passed.
  const open = tests.find(({ status }) => status === 'pending');
  if (open !== undefined) return { failure: `the test "${open.fullName}" has no end` };
  return numTotalTests === 0 ? { failure: 'there are no tests' } : { caught: undefined };
}

function ended(tree: string, files: readonly string[], report: string): Promise<void> {
  const vitest = join(tree, 'node_modules/vitest/vitest.mjs');
  const line = [
    vitest,
    'run',
    ...files,
    '--reporter=json',
    `--outputFile=${report}`,
    '--maxWorkers=1',
  ];
  return new Promise((done, fail) => {
    const child = owned(spawn(process.execPath, line, { cwd: tree, stdio: 'ignore' }));
    child.on('error', fail);
    child.on('close', () => done());
  });
}
