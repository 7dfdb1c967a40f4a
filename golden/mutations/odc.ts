import { inFile, type MutationSet, SHORT } from './mutation.ts';

/** Few clusters, of which some fall below the least size in these few steps. */
const set = [
  ...SHORT,
  ...['method.clusters=8', 'method.minCluster=10', 'method.centroidsEvery=2'],
  ...['method.memoryMomentum=0.25', 'method.neck.dropout=0.5'],
];

export const odc: MutationSet = {
  experiment: 'odc',
  set,
  mutations: [
    ...inFile('methods/odc.ts', [
      ['momentum of the memory + 1e-6', 'spec.memoryMomentum)', 'spec.memoryMomentum + 1e-6)'],
      ['centroids one step late', '(step + 1) % every', 'step % every'],
      [
        'labels of other images',
        'labels.rows(step.indices)',
        'labels.rows(tf.reverse(step.indices, 0))',
      ],
      ['classes all weigh the same', "own, step.state('loss_weight'))", 'own)'],
      ['features not scaled to unit length', 'l2Normalize(feature)', 'feature'],
      [
        'k-means stops after one move',
        '      iterations,\n      init,',
        '      iterations: 1,\n      init,',
      ],
      ['classifier begins larger', 'std: 0.01', 'std: 0.011'],
      [
        'weights of the sizes before the refill',
        'small.length;\n      found = await host.run(census);',
        'small.length;',
      ],
      [
        'clusters called small one sample late',
        'refill(host, spec.minCluster,',
        'refill(host, spec.minCluster - 1,',
      ],
    ]),
    ...inFile('harness/clustering/members.ts', [
      ['centroids are sums', "op1('RealDiv', [sums, tf.maximum(sizes, tf.scalar(1))])", 'sums'],
      ['power of the class weights + 1e-6', 'tf.scalar(power)', 'tf.scalar(power + 1e-6)'],
      ['class weights not scaled', "op1('RealDiv', [weights, tf.sum(weights)])", 'weights'],
      [
        'products where the nearest was asked for, and the reverse',
        "assignment === 'product'",
        "assignment !== 'product'",
      ],
    ]),
    ...inFile('harness/clustering/refill.ts', [
      [
        'a new cluster takes the centroid of the other half',
        'centroids.set(cluster, meanRow(features, second));',
        'centroids.set(cluster, meanRow(features, first));',
      ],
    ]),
    ...inFile('harness/clustering/sample_memory.ts', [
      ['samples may stay in small clusters', 'assignment, closed) }', 'assignment) }'],
    ]),
    ...inFile('harness/clustering/two_means.ts', [
      ['halves parted in the wrong place', '2 * sum > bound', 'sum > bound'],
    ]),
    ...inFile('harness/engine/ops/activation.ts', [
      ['dropout + 0.01', 'tf.scalar(rate)), ', 'tf.scalar(rate + 0.01)), '],
      ['what is not dropped is not scaled', 'tf.scalar(1 / (1 - rate))', 'tf.scalar(1)'],
    ]),
    ...inFile('harness/nn/necks.ts', [
      [
        'features without their last ReLU',
        'rectified: i < last || lastRelu',
        'rectified: i < last',
      ],
    ]),
    ...inFile('harness/data/loader/order.ts', [
      ['last image is never drawn', 'draw.int(0, count - 1)', 'draw.int(0, count - 2)'],
    ]),
  ],
};
