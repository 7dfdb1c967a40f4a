import { inFile, type MutationSet } from './mutation.ts';

/** Features of two layers, pooled to several values, as the SVMs see them. */
export const featureLayers: MutationSet = {
  experiment: 'svm',
  benchmark: true,
  set: ['benchmark.data.train.count=80', 'benchmark.data.test.count=60', 'benchmark.costs=[1]'],
  mutations: [
    ...inFile('harness/nn/levels.ts', [
      ['another side of the last level', '{ side: 2, windows', '{ side: 3, windows'],
      ['another side of the level before', '{ side: 3, windows', '{ side: 2, windows'],
    ]),
    ...inFile('harness/features/layers.ts', [
      [
        'layers one too low',
        'return LAYERS.indexOf(layer);',
        'return Math.max(0, LAYERS.indexOf(layer) - 1);',
      ],
    ]),
    ...inFile('harness/features/extractor.ts', [
      [
        'the first layer in place of the second',
        'const from = i * total + before;',
        'const from = i * total;',
      ],
      [
        'a batch of images late',
        'images.set(piece.images);\n      const all = await extractFeatures(this.program, images, piece.count, signal);',
        'const all = await extractFeatures(this.program, images, piece.count, signal);\n      images.set(piece.images);',
      ],
    ]),
    ...inFile('harness/engine/ops/pooling.ts', [
      [
        'flattened as H, W, C',
        'turned(toFloat(x), [0, 3, 1, 2])',
        'turned(toFloat(x), [0, 1, 2, 3])',
      ],
    ]),
  ],
};
