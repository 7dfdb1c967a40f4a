import { inFile, type MutationSet, SHORT } from './mutation.ts';

/** Few clusters and components, and classes weighed, as no small recipe has it. */
const set = [...SHORT, 'method.clusters=8', 'method.pca=8', 'method.weightPower=0.5'];

export const deepcluster: MutationSet = {
  experiment: 'deepcluster',
  set,
  mutations: [
    ...inFile('methods/deepcluster.ts', [
      [
        'k-means begins alike in every epoch',
        "host.stream('k-means', epoch, purpose)",
        "host.stream('k-means', 0, purpose)",
      ],
      ['the head is not renewed', '...(await newHead(host, epoch)),', ''],
      ['the new head begins larger', 'std: 0.01', 'std: 0.011'],
      [
        'labels of other images',
        '[host.samples], found.labels)',
        '[host.samples], found.labels.toReversed())',
      ],
      ['an epoch over images, not over clusters', 'if (!uniform ||', 'if (uniform ||'],
      ['another epsilon of the class weights', 'WEIGHT_EPSILON = 1e-10', 'WEIGHT_EPSILON = 1e-3'],
    ]),
    ...inFile('harness/clustering/pca.ts', [
      [
        'components not divided by their deviation',
        '(at(top) < 0 ? -1 : 1) / deviation',
        'at(top) < 0 ? -1 : 1',
      ],
      [
        'the first component left out',
        'const column = width - 1 - p;',
        'const column = width - 2 - p;',
      ],
      [
        'rows not scaled to unit length',
        'return unitRows({ values: reduced, count: points.count, width: dimensions });',
        'return reduced;',
      ],
      [
        'mean not removed',
        "tf.sub(input(io, 'values'), tf.cast(io.read('mean'), 'float32'))",
        "input(io, 'values')",
      ],
    ]),
    ...inFile('harness/clustering/lloyd.ts', [
      ['distance with the whole square of the centroid', 'tf.scalar(-0.5)', 'tf.scalar(-1)'],
      [
        'means over one point too many',
        'tf.maximum(sizes, tf.scalar(1))',
        'tf.add(sizes, tf.scalar(1))',
      ],
    ]),
    ...inFile('harness/clustering/seeding.ts', [
      ['image 0 is always the first centroid', 'draws.int(0, count - 1)', '0'],
      [
        'the worst of the points drawn',
        'value < (values[best] ?? 0)',
        'value > (values[best] ?? 0)',
      ],
    ]),
    ...inFile('harness/clustering/labels.ts', [
      [
        'one image of a cluster too few',
        'Math.floor(count / clusters) + 1',
        'Math.floor(count / clusters)',
      ],
      [
        'large classes weigh more',
        'pow(1 / (size + epsilon), power)',
        'pow(size + epsilon, power)',
      ],
      [
        'agreement over the arithmetic mean of entropies',
        'Math.sqrt(own * old)',
        '(own + old) / 2',
      ],
    ]),
    ...inFile('harness/nn/sobel.ts', [
      [
        'Sobel of the other sign',
        '[1, 0, -1, 2, 0, -2, 1, 0, -1]',
        '[-1, 0, 1, -2, 0, 2, -1, 0, 1]',
      ],
      [
        'Sobel without its middle weight',
        '[1, 2, 1, 0, 0, 0, -1, -2, -1]',
        '[1, 1, 1, 0, 0, 0, -1, -1, -1]',
      ],
      ['luma in place of the mean of channels', '[1 / 3, 1 / 3, 1 / 3]', '[0.299, 0.587, 0.114]'],
    ]),
  ],
};
