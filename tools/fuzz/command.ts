import { resolve } from 'node:path';
import { UserError } from '../../harness/base/index.ts';
import { fuzz, fuzzOne } from './fuzz.ts';
import { TARGETS } from './target.ts';

/**
 * Tries files of a seed, or one of them again, which is then kept.
 * @returns what is wrong, and a line about what was tried
 */
export async function fuzzed(
  given: string,
  {
    seed,
    count,
    file,
  }: { readonly seed: number; readonly count: number; readonly file?: number | undefined },
): Promise<{ readonly faults: readonly string[]; readonly said: string }> {
  const name = TARGETS.find((one) => one === given);
  if (name === undefined)
    throw new UserError(`fuzz: there is no ${given}; expected ${TARGETS.join(', ')}`);
  if (file === undefined) {
    const { faults, tally } = await fuzz(name, seed, count);
    const { files, taken, slowestSeconds, largestBytes } = tally;
    const most = `at most ${slowestSeconds.toFixed(2)} s and ${Math.ceil(largestBytes / 2 ** 20)} MiB for one`;
    return { faults, said: `${name}: ${files} files, ${taken} taken; ${most}` };
  }
  const path = resolve(`fuzz-${name}-${seed}-${file}`);
  return { faults: await fuzzOne(name, seed, file, path), said: `wrote ${path}` };
}
