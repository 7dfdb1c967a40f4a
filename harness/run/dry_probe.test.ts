import { expect, it } from 'vitest';
import type { StepDefinition } from '../step/definition.ts';
import { type Probe, scaled } from './dry_probe.ts';

const probe = (batch: number, peakBytes: number): Probe => {
  return { replicas: 1, batch, seconds: 3 * batch, steps: 1, peakBytes };
};
const definition = { replicas: 8, batch: 2 } as StepDefinition;

it('a step that was not run takes memory by what an image added between two smaller ones', () => {
  expect(scaled(probe(1, 10), probe(2, 14), definition, false)).toEqual({
    seconds: 48,
    peakBytes: 14 + 14 * 4,
  });
});

it('replicas that meet on the way hold some of each other, and make some of it again', () => {
  const meeting = { bytes: 3, slower: 1.5 };
  expect(scaled(probe(1, 10), probe(2, 14), definition, false, meeting)).toEqual({
    seconds: 72,
    peakBytes: 14 + 14 * 4 + 3 * 7 * 2,
  });
});

it('of one smaller step alone, all of its memory is taken to grow', () => {
  const one = probe(1, 10);
  expect(scaled(one, one, definition, false)).toEqual({ seconds: 48, peakBytes: 160 });
});
