import { rmSync } from 'node:fs';
import { platformId } from '../../harness/record/numerics.ts';
import { readRecord } from '../../harness/record/record.ts';
import { goldenPath, writeGolden } from '../../harness/verify/golden.ts';
import { verdictOn } from '../../harness/verify/golden_verdict.ts';
import type { MutationResult } from '../../reports/mutations.ts';
import type { Trained } from './run.ts';

/**
 * Makes the plain run the golden of its platform.
 * @param folder of goldens
 * @returns id of the platform
 */
export async function pin(plain: Trained, folder: string): Promise<string> {
  if (plain.failure !== undefined) throw new Error(`the plain run failed: ${plain.failure}`);
  const record = readRecord(plain.workDir);
  const last = record.epochs.at(-1);
  if (last === undefined) throw new Error('the plain run has no epoch');
  const log = [
    {
      reason: 'mutations',
      command: 'scripts/mutate.mjs',
      commit: '0',
      chain: last.chain,
      changed: [],
      differences: [],
    },
  ];
  const horizon = record.epochs.length - 1;
  const golden = { format: 'reprise-golden-2', horizon, record, log } as const;
  await writeGolden(goldenPath(folder, record), golden);
  return platformId(record);
}

/** What came of a mutation. A change that breaks the run shows nothing of the goldens. */
export function outcomeOf(
  run: Trained,
  folder: string,
): Pick<MutationResult, 'caught' | 'failure'> {
  if (run.failure !== undefined) return { failure: `the run stops: ${run.failure}` };
  return { caught: missOf(run, folder) };
}

/** Why the golden comparison fails for a run, which is then removed: undefined where it passes. */
export function missOf(run: Trained, folder: string): string | undefined {
  if (run.failure !== undefined) throw new Error(`the run stops: ${run.failure}`);
  const verdict = verdictOn(readRecord(run.workDir), folder);
  rmSync(run.workDir, { recursive: true });
  // A default that moved makes another experiment, which no golden is of: its test fails.
  if (verdict.kind === 'none') return 'another experiment, of which there is no golden';
  if (verdict.kind !== 'exact') throw new Error(`${verdict.kind}: ${verdict.summary}`);
  if (verdict.pass) return undefined;
  const [problem] = verdict.problems;
  if (problem !== undefined) return problem.split(':')[0];
  const first = verdict.rows.find(({ fits }) => !fits);
  if (first === undefined) throw new Error(`no value differs, and yet: ${verdict.summary}`);
  const { metric, epoch } = first;
  return epoch === 'final' ? `${metric} at the end` : `${metric} of epoch ${epoch}`;
}
