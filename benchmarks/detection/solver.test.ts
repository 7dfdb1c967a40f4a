import { expect, it, test } from 'vitest';
import { resolveRules } from '../../harness/optim/rules.ts';
import { learningRate } from '../../harness/optim/schedule.ts';
import { entriesOf } from './bind.ts';
import { networks } from './c4.ts';
import { optimizerOf, scheduleOf } from './solver.ts';

// The published schedule of VOC: docs/reference/detection.md, section 12.
const voc = {
  ...{ lr: 0.02, momentum: 0.9, weightDecay: 1e-4 },
  ...{ warmup: { iterations: 100, factor: 0.001 }, steps: [18_000, 22_000] },
};
const top = { before: 1, after: 1, threshold: 0.7, minSize: 0 };
const tiny = networks({
  classes: 3,
  backbone: { depth: 50, stem: 4, res2: 8, inner: 2, strideIn: '3x3', norm: 'batch' },
  extraNorm: true,
  anchors: { sizes: [16], ratios: [1], stride: 16, offset: 0 },
  rpn: { thresholds: [0.3, 0.7], count: 8, positiveFraction: 0.5 },
  proposals: { train: top, test: top },
  pooler: { output: 14, scale: 1 / 16, samplingRatio: 0, aligned: true },
  roi: { threshold: 0.5, count: 4, positiveFraction: 0.25, coderWeights: [10, 10, 5, 5] },
  mask: { channels: 4 },
  detections: { scoreThreshold: 0.05, nmsThreshold: 0.5, most: 5, coderWeights: [10, 10, 5, 5] },
});

test('weights and biases decay, norms do not, the extra one among them', () => {
  const names = [...entriesOf(tiny, 'parameters').keys()];
  const rules = resolveRules(optimizerOf(voc), names);
  const norms = names.filter((name) => name.split('.').at(-2) === 'norm');
  expect(norms).toContain('roi_heads.res5.norm.bias');
  for (const name of names) {
    const rule = rules.get(name);
    expect(rule?.weightDecay, name).toBe(norms.includes(name) ? 0 : 1e-4);
    expect(rule?.lrMultiplier, name).toBe(1);
    expect(rule?.momentum, name).toBe(0.9);
  }
});

it.each([
  [0, 0.02 * 0.001],
  [50, 0.02 * (0.001 * 0.5 + 0.5)],
  [100, 0.02],
  [17_999, 0.02],
  [18_000, 0.002],
  [21_999, 0.002],
  [22_000, 0.0002],
])('the rate of iteration %i', (step, rate) => {
  const at = { step, stepsPerEpoch: 1, epochs: 24_000 };
  expect(learningRate(scheduleOf(voc), voc.lr, at)).toBeCloseTo(rate, 12);
});
