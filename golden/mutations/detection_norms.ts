import { inFile, type MutationSet } from './mutation.ts';

/** Norms for inference, of both definitions, held to fvcore's values. */
export const detectionNorms: MutationSet = {
  experiment: 'detection norms',
  parity: ['det_precise_bn'],
  set: [],
  mutations: [
    ...inFile('harness/nn/precise_statistics.ts', [
      ['all batches weigh alike', 'pooled ? positions : 1', '1'],
      ['variances of all values together of unbiased ones', 'v * biasing', 'v'],
      ['variances without those of means', 'Math.max(0, average - (mean[c] ?? 0) ** 2)', 'average'],
    ]),
  ],
};
