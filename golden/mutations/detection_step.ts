import { inFile, type MutationSet } from './mutation.ts';

/** A whole step of Mask R-CNN, held to detectron2's values. */
export const detectionStep: MutationSet = {
  experiment: 'detection step',
  parity: ['det_c4_mask_step'],
  set: [],
  mutations: [
    ...inFile('benchmarks/detection/backbone.ts', [
      ['the stride in the first convolution', "strideIn === '1x1' ?", "strideIn === '3x3' ?"],
      [
        'the extra norm left out',
        "return norm.apply(scoped(params, 'norm.'), y, context.scope('norm.'));",
        "return tf.add(y, tf.mul(norm.apply(scoped(params, 'norm.'), y, context.scope('norm.')), 0));",
      ],
    ]),
    ...inFile('benchmarks/detection/exact_norm.ts', [
      ['statistics move by a hundredth', 'const MOMENTUM = 0.1;', 'const MOMENTUM = 0.01;'],
    ]),
    ...inFile('benchmarks/detection/roi_head.ts', [
      [
        "background learns the last class's boxes",
        'tf.oneHot(classes, width / 4)',
        "tf.oneHot(tf.minimum(classes, tf.scalar(width / 4 - 1, 'int32')), width / 4)",
      ],
      ['boxes divided by coordinates', 'tf.scalar(rows)', 'tf.scalar(4 * rows)'],
    ]),
    ...inFile('benchmarks/detection/mask_head.ts', [
      ['masks divided by rows', 'tf.scalar(side * side)', 'tf.scalar(side)'],
      ['all planes learn', 'tf.oneHot(classes, planes)', 'tf.onesLike(tf.oneHot(classes, planes))'],
    ]),
    ...inFile('harness/data/objects/picture.ts', [
      ['colours in the other order', 'fround(mean[c] ?? 0)', 'fround(mean[2 - c] ?? 0)'],
    ]),
    ...inFile('benchmarks/detection/solver.ts', [
      ['no decay', 'momentum, weightDecay, rules', 'momentum, weightDecay: 0, rules'],
    ]),
  ],
};
