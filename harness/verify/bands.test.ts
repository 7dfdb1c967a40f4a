import { describe, expect, it } from 'vitest';
import type { Metrics } from '../experiment/metrics.ts';
import { recordOf } from '../testing/records.ts';
import { bandOf, measureBands, type PerturbedRun } from './bands.ts';
import { studentQuantile } from './student.ts';

describe('quantiles of Student’s distribution', () => {
  // Table values: NIST/SEMATECH e-Handbook 1.3.6.7.2.
  it.each([
    [0.975, 1, 12.706],
    [0.975, 2, 4.303],
    [0.975, 5, 2.571],
    [0.99, 6, 3.143],
    [0.995, 10, 3.169],
    [0.999, 5, 5.893],
    [0.999, 30, 3.385],
  ])('%s at %s degrees of freedom', (p, freedom, expected) => {
    expect(studentQuantile(p, freedom)).toBeCloseTo(expected, 3);
  });

  it('is Cauchy’s with one degree of freedom, and 0 at the middle', () => {
    expect(studentQuantile(0.9999, 1)).toBeCloseTo(Math.tan(Math.PI * 0.4999), 6);
    expect(studentQuantile(0.5, 7)).toBeCloseTo(0, 12);
    expect(() => studentQuantile(1, 5)).toThrow('no quantile 1');
  });
});

describe('a band', () => {
  it('is the prediction interval for one more value', () => {
    const sample = [1, 2, 3, 4, 5, 6]; // mean 3.5, sd sqrt(3.5)
    const { mean, sd, low, high } = bandOf(sample, 3, 0);
    expect(mean).toBe(3.5);
    expect(sd).toBeCloseTo(Math.sqrt(3.5), 12);
    expect(high - mean).toBeCloseTo(3 * Math.sqrt(3.5) * Math.sqrt(7 / 6), 12);
    expect(mean - low).toBeCloseTo(high - mean, 12);
  });

  it('is never narrower than what was seen, nor than one step of its metric', () => {
    expect(bandOf([0, 0, 0, 0, 9], 0.1, 0)).toMatchObject({ low: 0, high: 9 });
    expect(bandOf([50, 50, 50], 9, 0.25)).toMatchObject({ sd: 0, low: 49.75, high: 50.25 });
  });
});

function run(perturbation: number, loss: number, knn: number, start = perturbation): PerturbedRun {
  const epochs: Metrics[] = [{ knn_top1: 30 + start * 1e-9 }, { loss, knn_top1: knn }];
  return { perturbation, record: recordOf({ epochs, final: { linear_top1: knn + 5 } }) };
}
const { record: pinned } = run(0, 2, 50);
const runs = [1, 2, 3, 4, 5].map((i) => run(i, 2 + i / 100, 50 + (i % 3) / 2));

describe('bands of a run', () => {
  const bands = measureBands(pinned, runs);

  it('share one risk over all metrics of all epochs', () => {
    expect(bands).toMatchObject({ confidence: 0.99, comparisons: 4 });
    expect(bands.quantile).toBeCloseTo(studentQuantile(1 - 0.01 / 8, 5), 12);
    expect(bands.runs.map(({ perturbation }) => perturbation)).toEqual([1, 2, 3, 4, 5]);
  });

  it('of accuracies are as wide as one image moves them; of losses, which no image moves by a step, not', () => {
    const wide = measureBands(pinned, runs, 25).epochs[1]?.metrics ?? {};
    const before = bands.epochs[1]?.metrics ?? {};
    expect((wide.knn_top1?.high ?? 0) - (wide.knn_top1?.mean ?? 0)).toBe(25);
    expect(wide.loss).toEqual(before.loss);
  });

  it('take a record read from its file, whose data are in another order', () => {
    const [train, test] = [pinned.experimentId, pinned.graph];
    const made = runs.map(({ record, ...of }) => ({
      ...of,
      record: { ...record, data: { train, 'evaluation.test': test } },
    }));
    const read = { ...pinned, data: { 'evaluation.test': test, train } };
    expect(measureBands(read, made)).toEqual(bands);
  });

  it('hold every run they were measured from', () => {
    const { mean, low, high } = bands.epochs[1]?.metrics.loss ?? expect.unreachable();
    expect(mean).toBeCloseTo(2.025, 12);
    expect(low).toBeLessThan(2);
    expect(high).toBeGreaterThan(2.05);
    expect(bands.final?.linear_top1?.mean).toBeCloseTo(55.5, 12);
  });

  it.each([
    ['too few', runs.slice(1), 'at least 5 perturbed runs, found 4'],
    [
      'one of another length',
      [...runs, { perturbation: 6, record: recordOf({ epochs: [{}] }) }],
      'epochs is 1',
    ],
    ['one without noise', [...runs, { perturbation: 6, record: pinned }], 'its noise is missing'],
    [
      'one that lacks a metric',
      [
        ...runs,
        {
          perturbation: 6,
          record: recordOf({ epochs: [{ knn_top1: 1 }, { loss: 2 }], final: { linear_top1: 1 } }),
        },
      ],
      'epoch 1 of a run has knn_top1 nowhere',
    ],
  ])('are refused when the runs do not serve: %s', (_, bad, message) => {
    expect(() => measureBands(pinned, bad)).toThrow(message);
  });
});
