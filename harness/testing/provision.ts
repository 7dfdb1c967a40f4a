import { provision } from '../engine/library/index.ts';

/**
 * Vitest's global set-up: libtensorflow is fetched once, before the clock of any test runs. Tests that
 * need no engine run without it.
 */
export async function setup(): Promise<void> {
  await provision().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  });
}
