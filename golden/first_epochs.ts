import { expect } from 'vitest';
import { verdictText } from '../harness/verify/golden_verdict.ts';
import { type drawn, goldenVerdict } from './drawn.ts';

/** Trains so many epochs and holds them to the golden. */
export async function holdFirstEpochs(
  experiment: (typeof drawn)[number],
  workDir: string,
  epochs: number,
): Promise<void> {
  const verdict = await goldenVerdict(experiment, { workDir, stopAfterEpoch: epochs });
  expect(verdict.pass, verdictText(verdict)).toBe(true);
  expect(verdict.kind).not.toBe('none');
  // Loss and k-NN of an epoch, k-NN of random weights.
  expect(verdict.rows.length).toBeGreaterThanOrEqual(3);
}
