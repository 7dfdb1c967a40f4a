import { inFile, type MutationSet, SHORT } from './mutation.ts';

export const rotation: MutationSet = {
  experiment: 'rotation',
  set: [...SHORT, 'data.train.count=64'],
  mutations: [
    ...inFile('methods/rotation.ts', [
      ['angles counted the other way', 'tf.tensor1d([0, 1, 2, 3]', 'tf.tensor1d([0, 3, 2, 1]'],
      ['a quarter turned the other way', 'tf.reverse(across(x), 1)', 'across(tf.reverse(x, 1))'],
      ['half a turn is a mirror image', 'tf.reverse(x, [1, 2])', 'tf.reverse(x, 1)'],
      ['copy after copy, not image after image', 'tf.stack(quarters, 1)', 'tf.stack(quarters, 0)'],
      [
        'all turned by a quarter',
        'step.view(0)',
        'tf.reverse(tf.transpose(step.view(0), [0, 2, 1, 3]), 1)',
      ],
    ]),
    ...inFile('harness/nn/heads.ts', [
      [
        'loss summed over images',
        'loss: tf.mean(losses), accuracy }',
        'loss: tf.sum(losses), accuracy }',
      ],
      [
        'accuracy of the least likely class',
        'tf.argMax(toFloat(logits), 1)',
        'tf.argMin(toFloat(logits), 1)',
      ],
    ]),
    ...inFile('harness/engine/ops/cross_entropy.ts', [
      [
        'gradient of the cross entropy of the wrong sign',
        'tf.mul(slope, tf.expandDims',
        'tf.mul(tf.neg(slope), tf.expandDims',
      ],
    ]),
    ...inFile('harness/engine/ops/pooling.ts', [
      [
        'gradient of the average a row short',
        'tf.scalar(height * width)',
        'tf.scalar((height - 1) * width)',
      ],
    ]),
    ...inFile('harness/nn/layers.ts', [
      [
        'fully connected layers begin larger',
        'initial: initial ?? kaiming(inputs),',
        'initial: initial ?? kaiming(inputs - 1),',
      ],
    ]),
    ...inFile('harness/data/sources/painting.ts', [
      ['upright images lean twice as far', '* upright) / 180', '* upright) / 90'],
    ]),
  ],
};
