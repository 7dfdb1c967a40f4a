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
