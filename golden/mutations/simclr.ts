import { inFile, type MutationSet, SHORT } from './mutation.ts';

const lars = JSON.stringify({
  kind: 'lars',
  lr: 0.3,
  momentum: 0.9,
  weightDecay: 1e-4,
  eta: 0.001,
});

/** SimCLR as its large recipes have it: LARS, statistics of all replicas, the original's gradient. */
export const simclr: MutationSet = {
  experiment: 'simclr',
  set: [...SHORT, `optimizer=${lars}`, 'backbone.norm=sync', 'compat.simclrGradient=per-replica'],
  mutations: [
    ...inFile('methods/simclr.ts', [
      ['temperature + 1e-6', 'spec.temperature);', 'spec.temperature + 1e-6);'],
      [
        'views of an image not side by side',
        'tf.reshape(tf.stack([a, b], 1), [2 * count, ...rest])',
        'tf.concat([a, b], 0)',
      ],
      [
        'every replica takes the first rows for its own',
        "step.mine(tf.range(0, count, 1, 'int32'))",
        "tf.range(0, z.shape[0] ?? 0, 1, 'int32')",
      ],
      [
        'embeddings not scaled to unit length',
        "l2Normalize(step.forward('neck', h))",
        "step.forward('neck', h)",
      ],
      ['gradient of one replica not scaled down', '(z.shape[0] ?? 0) / count : 1', '1 : 1'],
    ]),
    ...inFile('harness/nn/pairs.ts', [
      [
        'an image among its own negatives',
        "op1('AddV2', [absent(places, count), absent(siblings(places), count)])",
        'absent(siblings(places), count)',
      ],
      [
        'positive counted twice',
        "op1('AddV2', [absent(places, count), absent(siblings(places), count)])",
        'absent(places, count)',
      ],
      ['mask too small to hide anything', 'const ABSENT = -1e9;', 'const ABSENT = -1;'],
      [
        'no gradient to rows as their sibling’s positive',
        "op1('AddV2', [slope, siblings(slope)]);",
        'slope;',
      ],
      [
        'gradient to negatives of the wrong sign',
        "op1('MatMul', [shares, weighed], { transpose_a: true }),",
        "op1('Neg', [op1('MatMul', [shares, weighed], { transpose_a: true })]),",
      ],
      [
        'siblings sought from the other end',
        "[pairs, tf.tensor1d([1], 'int32')]",
        "[pairs, tf.tensor1d([0], 'int32')]",
      ],
    ]),
    ...inFile('harness/nn/layers.ts', [
      [
        'statistics of one replica where all should count',
        'sync && replicas > 1',
        'sync && replicas > 2',
      ],
    ]),
    ...inFile('harness/nn/layers.ts', [
      [
        'norms of the neck begin at another scale',
        'scale = 1 } = options',
        'scale = 1.000001 } = options',
      ],
    ]),
    ...inFile('harness/optim/lars.ts', [
      [
        'rate not by the size of the weight',
        'tf.mul(weight, constant(rule.eta)), size',
        'constant(rule.eta), size',
      ],
      [
        'rate without the weight decay',
        'const size = tf.add(slope, tf.mul(weight, constant(rule.weightDecay)));',
        'const size = slope;',
      ],
      [
        'weight decay left out of the step',
        'tf.mul(decayed(io, step), scale)',
        'tf.mul(step.gradient, scale)',
      ],
      ['norms and biases scaled as well', 'rule.larsExclude ? rate : tf.mul', 'tf.mul'],
    ]),
    ...inFile('harness/step/exclusion.ts', [
      ['norms decay like weights', "role === 'norm' || role === 'bias'", "role === 'bias'"],
    ]),
  ],
};
