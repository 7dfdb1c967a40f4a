import { inFile, type MutationSet } from './mutation.ts';

/** Targets of masks, and masks in pictures, held to pycocotools' and detectron2's values. */
export const detectionMasks: MutationSet = {
  experiment: 'detection masks',
  parity: ['det_mask_targets'],
  set: [],
  mutations: [
    ...inFile('benchmarks/detection/polygons.ts', [
      ['targets of the picture, not the region', '(value - x1) * scale[0]', 'value * scale[0]'],
      ['both sides scaled alike', '(value - y1) * scale[1]', '(value - y1) * scale[0]'],
      [
        'targets of twice the size',
        'Math.fround(side / length)',
        'Math.fround((2 * side) / length)',
      ],
    ]),
    ...inFile('benchmarks/detection/graph_masks.ts', [
      [
        'targets drawn in a step lie a fifth of a pixel off',
        'int(FINE)), int(2));',
        'int(FINE)), int(1));',
      ],
      [
        'sides that go back are walked from their upper end',
        'tf.greater(x0, x1)',
        'tf.less(x0, x1)',
      ],
      ['steep sides are walked as flat ones', 'tf.where(isFlat, flat, steep)', 'flat'],
      ['rows rounded down', 'tf.add(lower, int(2))', 'lower'],
      ['where polygons overlap is outside', 'const any = tf.max(', 'const any = tf.min('],
      ['a column and its rows swapped', 'tf.transpose(any, [0, 2, 1])', 'any'],
    ]),
    ...inFile('benchmarks/detection/outline_sides.ts', [
      ['outlines are left open', '(k + 2) % polygon.length', 'Math.min(k + 2, polygon.length - 2)'],
    ]),
    ...inFile('harness/metrics/rle_polygon.ts', [
      ['outlines as coarse as pixels', 'const SCALE = 5;', 'const SCALE = 1;'],
      ['outlines half a step off', '(points[at] ?? 0) + 0.5)', '(points[at] ?? 0))'],
    ]),
    ...inFile('benchmarks/detection/paste_masks.ts', [
      ['corners of pixels looked up', 'f(pixel + 0.5)', 'f(pixel)'],
      ['masks half a cell off', '* f(side / 2)) - 0.5)', '* f(side / 2)))'],
      [
        'rows and columns of a mask swapped',
        'mask[row * side + column]',
        'mask[column * side + row]',
      ],
    ]),
  ],
};
