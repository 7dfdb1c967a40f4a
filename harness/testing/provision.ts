import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { provision } from '../engine/library/index.ts';

/**
 * Vitest's global set-up: libtensorflow is fetched once, before the clock of any test runs. Tests that
 * need no engine run without it.
 * @returns what is done at the end: a line is printed that makes a difference between machines visible
 *   to whoever compares two logs
 */
export async function setup(): Promise<() => void> {
  try {
    await provision();
    return printNumerics;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    return () => {};
  }
}

function printNumerics(): void {
  const child = fileURLToPath(new URL('numerics.child.ts', import.meta.url));
  spawnSync(process.execPath, ['--import', 'tsx', child], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
