import { inFile, type MutationSet } from './mutation.ts';

/** The region proposal network and what is pooled for regions, held to detectron2's values. */
export const detectionRegions: MutationSet = {
  experiment: 'detection regions',
  parity: ['det_roi_align', 'det_rpn_few'],
  set: [],
  mutations: [
    ...inFile('benchmarks/detection/roi_align.ts', [
      ['regions half a cell off', 'aligned ? 0.5 : 0', 'aligned ? 0 : 0'],
      ['samples at the begin of their part', 'tf.add(steps, tf.scalar(0.5))', 'steps'],
      [
        'samples rounded down',
        "op1('Neg', [op1('Floor', [op1('Neg', [bin])])])",
        "op1('Floor', [bin])",
      ],
    ]),
    ...inFile('benchmarks/detection/rpn.ts', [
      ['divided by anchors of one image', '1 / (spec.count * images)', '1 / spec.count'],
      [
        'divided by what was drawn',
        'tf.scalar(1 / (spec.count * images))',
        'tf.div(tf.scalar(1), tf.sum(targets.drawn))',
      ],
      ['what lies between the bounds is background', 'labels: [0, -1, 1]', 'labels: [0, 0, 1]'],
      [
        'objects without targets',
        'moved.fill(1, 4 * i, 4 * i + 4)',
        'moved.fill(1, 4 * i, 4 * i + 2)',
      ],
    ]),
    ...inFile('benchmarks/detection/proposals.ts', [
      ['as many looked at as are left', 'highest(logits, before)', 'highest(logits, after)'],
      ['proposals beyond the image', 'clipped(moved, size)', 'moved'],
      ['all proposals that are not suppressed', 'threshold, after)', 'threshold)'],
      ['overlaps kept', 'nms(boxes, own, threshold, after)', 'nms(boxes, own, 1, after)'],
    ]),
    ...inFile('benchmarks/detection/losses.ts', [
      ['squared errors', 'tf.mul(tf.abs(gap), weights)', 'tf.mul(tf.square(gap), weights)'],
    ]),
  ],
};
