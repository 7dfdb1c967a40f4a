import { inFile, type MutationSet } from './mutation.ts';

const shift = 'tf.mod(tf.add(step.labels, tf.scalar(1, "int32")), tf.scalar(classes, "int32"))';

/** The protocol "Multi": five heads on a frozen backbone, of two replicas. */
export const linear: MutationSet = {
  experiment: 'linear',
  benchmark: true,
  set: ['benchmark.data.train.count=128', 'benchmark.data.test.count=96', 'benchmark.epochs=3'],
  mutations: [
    ...inFile('benchmarks/linear.ts', [
      [
        'labels shifted by one',
        'classification(own, step.labels)',
        `classification(own, ${shift})`,
      ],
      ['norms of heads with scale and shift', 'affine: false, momentum', 'affine: true, momentum'],
      ['norms of heads of one replica', 'sync: true, affine', 'sync: false, affine'],
      [
        'norms of heads forget at once',
        'false, momentum, initStd',
        'false, momentum: 1 - momentum, initStd',
      ],
      [
        'a level told as the next one',
        '[0, level * classes]',
        '[0, ((level + 1) % (all / classes)) * classes]',
      ],
      [
        'losses averaged, not summed',
        'loss: tf.addN(each.map(({ loss }) => loss)),',
        'loss: tf.div(tf.addN(each.map(({ loss }) => loss)), tf.scalar(5)),',
      ],
      [
        'the first judged epoch told as the last',
        'trainedEpochs(epochs).at(-1)',
        'trainedEpochs(epochs).find((metrics) => "head0_top1" in metrics)',
      ],
      ['top-1 of the worst level', 'b[1] > a[1] ? b : a', 'b[1] > a[1] && a[0] !== "" ? a : b'],
    ]),
    ...inFile('harness/nn/multi_head.ts', [
      [
        'norms of heads in the wrong mode',
        'batchNorm({ ...own, momentum, sync })',
        'batchNorm({ ...own, momentum, sync, frozenStatistics: true })',
      ],
      ['rows and columns of a map swapped', '[0, 2, 3, 1]);', '[0, 3, 2, 1]);'],
      ['heads begin larger', 'std: initStd }', 'std: 1.01 * initStd }'],
    ]),
    ...inFile('harness/engine/ops/pooling.ts', [
      [
        'bins end a pixel early',
        'Math.ceil(((bin + 1) * n) / size)',
        'Math.max(from + 1, Math.floor(((bin + 1) * n) / size))',
      ],
    ]),
    ...inFile('harness/evaluation/classifier_judge.ts', [
      ['the four best count', 'const TOP = 5;', 'const TOP = 4;'],
      ['a head judged by the logits of the first', 'head * classes, classes)', '0, classes)'],
    ]),
    ...inFile('benchmarks/training.ts', [
      [
        'momentum without Nesterov',
        'lr, momentum, nesterov, weightDecay, rules',
        'lr, momentum, nesterov: false, weightDecay, rules',
      ],
      ['no weight decay', 'nesterov, weightDecay, rules', 'nesterov, weightDecay: 0, rules'],
    ]),
  ],
};

/** The same heads on Places205's views. */
export const places205: MutationSet = {
  experiment: 'places205',
  benchmark: true,
  set: ['benchmark.data.train.count=128', 'benchmark.data.test.count=96', 'benchmark.epochs=3'],
  mutations: [
    ...inFile('benchmarks/views.ts', [
      [
        'views that are not flipped',
        "{ kind: 'randomCrop' },\n    flip,\n  ],",
        "{ kind: 'randomCrop' },\n  ],",
      ],
      [
        'views cut from the middle',
        "{ kind: 'randomCrop' },\n    flip,\n  ],",
        "{ kind: 'centerCrop' },\n    flip,\n  ],",
      ],
    ]),
    ...inFile('benchmarks/training.ts', [
      ['the rate never falls', 'milestones: [...milestones], gamma', 'milestones: [], gamma'],
    ]),
  ],
};
