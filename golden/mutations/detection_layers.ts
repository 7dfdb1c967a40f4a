import { inFile, type MutationSet } from './mutation.ts';

/** What a step's tolerances leave room for: tests of single layers and losses. */
export const detectionLayers: MutationSet = {
  experiment: 'detection layers',
  tests: ['benchmarks/detection/losses.test.ts'],
  set: [],
  mutations: [
    ...inFile('benchmarks/detection/exact_norm.ts', [
      ['running variances biased', 'count / Math.max(1, count - 1)', '1'],
    ]),
    ...inFile('benchmarks/detection/losses.ts', [
      [
        'a hit has a slope',
        "op1('Sign', [gap])",
        "tf.add(op1('Sign', [gap]), tf.cast(tf.equal(gap, tf.scalar(0)), 'float32'))",
      ],
    ]),
    ...inFile('benchmarks/detection/mask_head.ts', [
      ['no masks divided by 0', 'tf.maximum(tf.sum(counts), tf.scalar(1))', 'tf.sum(counts)'],
    ]),
  ],
};
