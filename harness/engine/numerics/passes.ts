import { type Kernel, normal } from './case.ts';

const BLEND: Kernel = {
  name: 'pass: moving average',
  inputs: { a: normal(1 << 18), b: normal(1 << 18), keep: normal(), take: normal() },
  steps: { y: { type: 'blended', of: ['a', 'keep', 'b', 'take'] } },
  results: ['y'],
};

const DECAY: Kernel = {
  name: 'pass: weight decay',
  inputs: { a: normal(1 << 18), b: normal(1 << 18), factor: normal() },
  steps: { y: { type: 'plusScaled', of: ['a', 'b', 'factor'] } },
  results: ['y'],
};

/** Updates of parameters. */
export const WIDE_PASSES: readonly Kernel[] = [BLEND, DECAY];

const ACTIVATION: Kernel = {
  name: 'pass: sum and rectifier, both ways',
  inputs: { a: normal(1 << 19), b: normal(1 << 19), dy: normal(1 << 19) },
  steps: {
    sum: { type: 'AddV2', of: ['a', 'b'] },
    y: { type: 'rectified', of: ['sum'] },
    slope: { type: 'rectifiedSlope', of: ['dy', 'y'] },
  },
  results: ['y', 'slope'],
};

/** Activations, of which bfloat16 alone has passes. */
export const NARROW_PASSES: readonly Kernel[] = [ACTIVATION];
