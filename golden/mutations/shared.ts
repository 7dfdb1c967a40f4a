import { inFile, type MutationSet, SHORT } from './mutation.ts';

const views = JSON.stringify([
  { kind: 'randomResizedCrop', scale: [0.3, 1] },
  { kind: 'flip' },
  { kind: 'colorJitter', brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1, p: 0.8 },
  { kind: 'grayscale', p: 0.2 },
  { kind: 'blur', p: 0.5 },
  { kind: 'solarize', p: 0.2 },
  { kind: 'rotation', degrees: 2 },
]);

/** Enough votes for their weights to tell, and a margin that is not whole on both sides. */
const judging = [
  ...['evaluation.test.count=256', 'evaluation.knn.k=20'],
  `evaluation.pipeline=${JSON.stringify([{ kind: 'resize', size: 33 }, { kind: 'centerCrop' }])}`,
];

/** The harness, seen through one method: data, views, layers, optimiser, schedule, evaluation. */
export const shared: MutationSet = {
  experiment: 'moco',
  set: [...SHORT, ...judging, `data.pipelines=[${views},${views}]`],
  mutations: [
    ...inFile('harness/data/images/pipeline.ts', [
      [
        'flips less often',
        "case 'grayscale':\n      return stream.uniform() < op.p",
        "case 'grayscale':\n      return stream.uniform() < op.p * 0.99",
      ],
      [
        'jitters less often',
        "case 'colorJitter':\n      return stream.uniform() < op.p",
        "case 'colorJitter':\n      return stream.uniform() < op.p - 0.05",
      ],
      [
        'blurs when it should not',
        "case 'blur':\n      return stream.uniform() < op.p",
        "case 'blur':\n      return stream.uniform() > op.p",
      ],
      [
        'another sigma',
        'sigma: between(stream, op.sigma[0], op.sigma[1])',
        'sigma: between(stream, op.sigma[0], op.sigma[1] + 0.1)',
      ],
      [
        'solarizes more often',
        "case 'solarize':\n      return stream.uniform() < op.p",
        "case 'solarize':\n      return stream.uniform() < op.p + 0.1",
      ],
      [
        'another threshold of solarize',
        'threshold: op.threshold }',
        'threshold: op.threshold + 1 }',
      ],
      [
        'turns the other way',
        'degrees: between(stream, -op.degrees, op.degrees)',
        'degrees: -between(stream, -op.degrees, op.degrees)',
      ],
      [
        'crop by area / ratio the wrong way round',
        'const w = evenRound(Math.sqrt(area * ratio));',
        'const w = evenRound(Math.sqrt(area / ratio));',
      ],
      [
        'ratio not drawn in the logarithm',
        'const ratio = exp(between(stream, log(low), log(high)));',
        'const ratio = between(stream, low, high);',
      ],
      [
        'an offset one too small',
        'top: stream.int(0, height - h),',
        'top: stream.int(0, Math.max(0, height - h - 1)),',
      ],
      [
        'jitter in a fixed order',
        'const order = stream.permutation(4);',
        'const order = [stream.permutation(4), [0, 1, 2, 3]][1] ?? [];',
      ],
      [
        'jitter one-sided',
        'between(stream, Math.max(0, 1 - strength), 1 + strength)',
        'between(stream, 1, 1 + strength)',
      ],
      [
        'hue of one sign',
        'shift: between(stream, -op.hue, op.hue)',
        'shift: between(stream, 0, op.hue)',
      ],
      ['rounds halves up', 'return low % 2 === 0 ? low : low + 1;', 'return low + 1;'],
    ]),
    ...inFile('harness/data/loader/order.ts', [
      ['order of another seed', "stream(seed, 'order', epoch)", "stream(seed + 1, 'order', epoch)"],
      ['the same order in every epoch', "stream(seed, 'order', epoch)", "stream(seed, 'order', 0)"],
      [
        'replicas swapped',
        'indices.set(order.subarray(r * each + from, r * each + from + size), r * size);',
        'indices.set(order.subarray((replicas - 1 - r) * each + from, (replicas - 1 - r) * each + from + size), r * size);',
      ],
      [
        'batches one sample early',
        'const from = step * batch;',
        'const from = Math.max(0, step * batch - 1);',
      ],
    ]),
    ...inFile('harness/data/loader/fill.ts', [
      [
        'both views from the same draws',
        "stream(seed, 'augment', epoch, index, p)",
        "stream(seed, 'augment', epoch, index, 0)",
      ],
      [
        'the same views in every epoch',
        "stream(seed, 'augment', epoch, index, p)",
        "stream(seed, 'augment', 0, index, p)",
      ],
      [
        'views swapped',
        "stream(seed, 'augment', epoch, index, p)",
        "stream(seed, 'augment', epoch, index, 1 - p)",
      ],
      [
        'views do not depend on the image',
        "stream(seed, 'augment', epoch, index, p)",
        "stream(seed, 'augment', epoch, 0, p)",
      ],
    ]),
    ...inFile('harness/data/loader/loader.ts', [
      [
        'the same shuffle in every step',
        "stream(seed, 'draw', name, epoch, step)",
        "stream(seed, 'draw', name, epoch, 0)",
      ],
      [
        'a shuffle of another name',
        "stream(seed, 'draw', name, epoch, step)",
        "stream(seed, 'draw', name.concat('.'), epoch, step)",
      ],
    ]),
    ...inFile('harness/data/sources/painting.ts', [
      [
        'drawn images with more noise',
        'noise: between(draws, 2, 10)',
        'noise: between(draws, 2, 11)',
      ],
    ]),
    ...inFile('harness/data/sources/generated.ts', [
      [
        'test images from the training stream',
        "stream(seed, 'generated', split, index)",
        "stream(seed, 'generated', 'train', index)",
      ],
    ]),
    ...inFile('harness/step/features.ts', [
      ['pixels over 256', '1 / (255 * s)', '1 / (256 * s)'],
      [
        'mean not subtracted',
        'return tf.sub(tf.mul(pixels, tf.tensor1d(scale)), tf.tensor1d(shift));',
        'return tf.add(tf.mul(pixels, tf.tensor1d(scale)), tf.tensor1d(shift));',
      ],
    ]),
    ...inFile('harness/nn/layers.ts', [
      ['batch norm with another epsilon', 'epsilon = 1e-5,', 'epsilon = 1.1e-5,'],
      ['batch norm with the wrong sense of momentum', 'momentum = 0.1,', 'momentum = 0.9,'],
      [
        'convolutions begin smaller',
        'initial: kaiming(inputs * size * size),',
        'initial: kaiming(inputs * size * size + 1),',
      ],
    ]),
    ...inFile('harness/nn/resnet.ts', [
      [
        'norms begin at another scale',
        'channels: number, scale = 1,',
        'channels: number, scale = 1.000001,',
      ],
    ]),
    ...inFile('harness/engine/ops/normalization.ts', [
      ['unit rows with a floor of 100', 'epsilon = 1e-12): Tensor', 'epsilon = 100): Tensor'],
      [
        'gradient of unit rows without projection',
        'const tangent = tf.sub(gradient, tf.mul(unit, tf.mul(along, projects)));',
        'const tangent = tf.sub(gradient, tf.mul(unit, tf.mul(tf.mul(along, projects), tf.scalar(0.999))));',
      ],
      [
        'running statistics stay',
        'next = { mean, variance };\n    if (copies > 1) {',
        'next = { mean: state.mean, variance };\n    if (copies > 1) {',
      ],
      [
        'evaluation with another epsilon',
        'inverseRoot(tf.add(variance, tf.scalar(epsilon))));\n  const shift',
        'inverseRoot(tf.add(variance, tf.scalar(epsilon * 2))));\n  const shift',
      ],
    ]),
    ...inFile('harness/engine/ops/activation.ts', [
      [
        'ReLU leaks',
        'const y = rectified(x);\n',
        "const y = op1('Maximum', [x, op1('Mul', [x, asTypeOf(tf.scalar(1e-4), x)])]);\n",
      ],
    ]),
    ...inFile('harness/optim/descend.ts', [
      [
        'weight decay of the wrong sign',
        'return plusScaled(gradient, io.read(name), constant(rule.weightDecay));',
        'return plusScaled(gradient, io.read(name), constant(-rule.weightDecay));',
      ],
      [
        'no weight decay',
        'if (rule.weightDecay === 0) return gradient;',
        'if (rule.weightDecay >= 0) return gradient;',
      ],
      [
        'another momentum',
        'const momentum = constant(rule.momentum);',
        'const momentum = constant(rule.momentum + 1e-6);',
      ],
    ]),
    ...inFile('harness/optim/schedule.ts', [
      [
        'learning rate + 1e-6',
        'return regular(spec, base, at) * warmup(spec, at);',
        'return regular(spec, base, at) * warmup(spec, at) + 1e-6;',
      ],
      [
        'warm-up one step late',
        'const left = 1 - step / length;',
        'const left = 1 - (step - 1) / length;',
      ],
      [
        'cosine one epoch ahead',
        'Math.floor(passed / stepsPerEpoch) / (all / stepsPerEpoch)',
        '(Math.floor(passed / stepsPerEpoch) + 1) / (all / stepsPerEpoch)',
      ],
    ]),
    ...inFile('harness/step/step.ts', [
      [
        'gradients summed, not averaged',
        'return values.length === 1 ? sum : tf.mul(sum, tf.scalar(1 / values.length));',
        'return sum;',
      ],
    ]),
    ...inFile('harness/cluster/replicas.ts', [
      [
        'keys gathered in another order',
        'const all = gatherOf(values, layout);',
        'const all = gatherOf([...values].reverse(), layout);',
      ],
    ]),
    ...inFile('harness/random/stream.ts', [
      [
        'normals of another spread',
        'const scale = Math.sqrt((-2 * log(s)) / s);',
        'const scale = Math.sqrt((-2.0001 * log(s)) / s);',
      ],
      [
        'permutations that miss a swap',
        'for (let i = n - 1; i > 0; i--) {',
        'for (let i = n - 1; i > 1; i--) {',
      ],
      ['streams by a shorter seed', 'const SEED_BYTES = 16;', 'const SEED_BYTES = 15;'],
    ]),
    ...inFile('harness/evaluation/knn.ts', [
      [
        'votes without the temperature',
        '/ temperature);\n      const place',
        '/ (temperature * 50));\n      const place',
      ],
    ]),
    ...inFile('harness/record/sums.ts', [
      [
        'mean loss over one image too few',
        '[name, total / images]',
        '[name, total / (images - 1)]',
      ],
    ]),
  ],
};
