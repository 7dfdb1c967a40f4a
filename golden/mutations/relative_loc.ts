import { inFile, type MutationSet, SHORT } from './mutation.ts';

const places = "tf.tile(tf.range(0, PAIRS, 1, 'int32'), [count])";

export const relativeLoc: MutationSet = {
  experiment: 'relative-loc',
  set: SHORT,
  mutations: [
    ...inFile('methods/relative_loc.ts', [
      [
        'places one off',
        "tf.range(0, PAIRS, 1, 'int32')",
        "tf.mod(tf.range(1, PAIRS + 1, 1, 'int32'), tf.scalar(PAIRS, 'int32'))",
      ],
      [
        'places in another order than pairs',
        places,
        `tf.reshape(tf.transpose(tf.reshape(${places}, [count, PAIRS])), [-1])`,
      ],
      [
        'the middle before the outer patch',
        'tf.concat([around, middle], 3)',
        'tf.concat([middle, around], 3)',
      ],
      ['another patch for the middle', 'const CENTRE = 4;', 'const CENTRE = 5;'],
      ['two patches exchanged', 'const OUTER = [0, 1, 2, 3, 5,', 'const OUTER = [0, 1, 2, 5, 3,'],
      ['biases of the neck begin at 0', '() => initial, initBias)', '() => initial)'],
      ['weights begin larger', 'std: initStd', 'std: 1.01 * initStd'],
    ]),
    ...inFile('harness/data/images/pipeline.ts', [
      [
        'patches jitter one pixel less',
        '* down + stream.int(0, jitter)',
        '* down + stream.int(0, jitter - 1)',
      ],
      ['patches jitter up and down alone', '* across + stream.int(0, jitter)', '* across'],
      [
        'rows of cells overlap',
        '* down + stream.int(0, jitter)',
        '* (down - 1) + stream.int(0, jitter)',
      ],
    ]),
    ...inFile('harness/nn/necks.ts', [
      [
        'the usual momentum of norms',
        'batchNorm({ channels: width, momentum, affine, sync })',
        'batchNorm({ channels: width, affine, sync })',
      ],
    ]),
    ...inFile('harness/engine/ops/normalization.ts', [
      [
        'the middle counts once in the variance',
        'unbiasing(valuesOf(x) * copies)',
        'unbiasing(valuesOf(x))',
      ],
    ]),
    ...inFile('harness/optim/rules.ts', [
      [
        'rules for all that they do not name',
        'if (!patterns[i]?.test(name)) continue;',
        'if (patterns[i]?.test(name)) continue;',
      ],
    ]),
  ],
};
