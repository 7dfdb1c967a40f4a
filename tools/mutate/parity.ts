import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { z } from 'zod';
import { PARENT } from '../../harness/run/started_by.ts';
import type { MutationResult } from '../../reports/mutations.ts';
import { owned } from '../command/owned.ts';

const Line = z.looseObject({
  name: z.string(),
  failed: z.array(z.looseObject({ name: z.string() })),
  problem: z.string().optional(),
});

/**
 * Runs parity cases in a tree, in a process of its own: the first value that is out of its bounds. A
 * change that breaks a case shows nothing of its values.
 */
export async function parityIn(
  tree: string,
  cases: readonly string[],
): Promise<Pick<MutationResult, 'caught' | 'failure'>> {
  const text = await outputOf(tree, cases);
  for (const line of text.split('\n')) {
    const parsed = Line.safeParse(line.startsWith('{"name"') ? JSON.parse(line) : undefined);
    if (!parsed.success) continue;
    const { name, failed, problem } = parsed.data;
    if (problem !== undefined) return { failure: `${name} stops: ${problem}` };
    const [first] = failed;
    if (first !== undefined) return { caught: `${first.name} of ${name}` };
  }
  return { caught: undefined };
}

function outputOf(tree: string, cases: readonly string[]): Promise<string> {
  const named = cases.flatMap((name) => ['--case', name]);
  const line = [join(tree, 'scripts/parity.mjs'), '--json', ...named];
  return new Promise((done, fail) => {
    const env = { ...process.env, [PARENT]: String(process.pid) };
    const stdio = ['ignore', 'pipe', 'ignore'] as const;
    const child = owned(spawn(process.execPath, line, { cwd: tree, stdio: [...stdio], env }));
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    child.on('error', fail);
    child.on('close', () => done(text));
  });
}
