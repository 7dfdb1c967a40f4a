import { expect } from 'vitest';
import { verdictText } from '../harness/verify/golden_verdict.ts';
import { goldenVerdict } from './drawn.ts';

/** Trains an experiment on drawn images and holds it to its golden, as far as it is told to train. */
export async function holdExperiment(...run: Parameters<typeof goldenVerdict>): Promise<void> {
  const verdict = await goldenVerdict(...run);
  expect(verdict.pass, verdictText(verdict)).toBe(true);
  expect(verdict.kind).not.toBe('none');
  // Loss and k-NN of an epoch, k-NN of random weights.
  expect(verdict.rows.length).toBeGreaterThanOrEqual(3);
}
