import { describe, expect, it } from 'vitest';
import { type RecordParts, recordOf } from '../testing/records.ts';
import { measureBands } from './bands.ts';
import type { Golden } from './golden_schema.ts';
import { superseded } from './superseded.ts';

const run = (loss: number, parts: Partial<RecordParts> = {}) =>
  recordOf({ epochs: [{ top1: 30 + loss }, { loss }], ...parts });
const record = run(3);
const bands = measureBands(
  record,
  [1, 2, 3, 4, 5].map((i) => ({ perturbation: i, record: run(3 + i / 1000) })),
);
const chain = record.epochs.at(-1)?.chain ?? expect.unreachable();
const golden: Golden = {
  format: 'reprise-golden-2',
  horizon: 1,
  record,
  bands,
  log: [{ reason: 'x', command: '', commit: '', chain, changed: [], differences: [] }],
  seal: chain,
};
const here = { platform: 'bbbbbbbbbbbb', numerics: { fp32: '111111111111' } };
const of = (loss: number, parts: Partial<RecordParts> = {}, pinned: Golden = golden) =>
  superseded(new Map([['aaaaaaaaaaaa', pinned]]), run(loss, { ...here, ...parts }));

describe('a golden of elsewhere and of before there were ids', () => {
  it('is taken on where all states are the same', () => {
    expect(of(3)).toBe(golden);
  });

  it('is taken on where its step is computed otherwise by now, and the run lies in its bands', () => {
    expect(of(3.001, { graph: 'another' })).toBe(golden);
    expect(of(3.5, { graph: 'another' })).toBeUndefined();
    const { bands: _, ...bare } = golden;
    expect(of(3.001, { graph: 'another' }, bare)).toBeUndefined();
  });

  it('is left to its platform where that may still meet it, and where it has an id', () => {
    expect(of(3.001)).toBeUndefined();
    expect(of(3, {}, { ...golden, adopted: ['222222222222'] })).toBeUndefined();
  });
});
