import { inFile, type MutationSet } from './mutation.ts';

/** Anchors, their coder and matcher, and suppression, held to detectron2's values. */
export const detectionBoxes: MutationSet = {
  experiment: 'detection boxes',
  parity: ['det_anchors', 'det_box_coder', 'det_nms'],
  set: [],
  mutations: [
    ...inFile('benchmarks/detection/anchors.ts', [
      [
        'ratios are width over height',
        'Math.sqrt((size * size) / ratio)',
        'Math.sqrt(size * size * ratio)',
      ],
      ['anchors as high as wide', 'const height = ratio * width;', 'const height = width;'],
      [
        'sizes inside of ratios',
        'sizes.flatMap((size) =>\n    ratios.flatMap((ratio) => {',
        'ratios.flatMap((ratio) =>\n    sizes.flatMap((size) => {',
      ],
      ['anchors begin half a cell in', '(column + offset)', '(column + offset + 0.5)'],
      [
        'anchors a pixel smaller',
        '[-width / 2, -height / 2, width / 2, height / 2]',
        '[-width / 2, -height / 2, width / 2 - 1, height / 2 - 1]',
      ],
    ]),
    ...inFile('benchmarks/detection/box_coder.ts', [
      ['no clamp of growth', 'Math.min(growth, most)', 'growth'],
      ['clamp at half the growth', 'log(1000 / 16)', 'log(1000 / 32)'],
      [
        'clamp before the weights',
        'f((deltas[at + 2 + axis] ?? 0) / weights[axis === 0 ? 2 : 3])',
        'f(Math.min(deltas[at + 2 + axis] ?? 0, most) / weights[axis === 0 ? 2 : 3])',
      ],
      ['sides have the weights of centres', '/ weights[axis === 0 ? 2 : 3]', '/ weights[axis]'],
      ['targets of centres without weights', 'f(weights[axis] * f(goal', 'f(1 * f(goal'],
      ['targets of sides without weights', 'f(weights[axis === 0 ? 2 : 3] * f(log', 'f(1 * f(log'],
      ['corners for centres', 'f(x1 + f(0.5 * side[0]))', 'x1'],
    ]),
    ...inFile('benchmarks/detection/boxes.ts', [
      ['areas a pixel wider', 'f(f(x2 - x1) * f(y2 - y1))', 'f(f(x2 - x1 + 1) * f(y2 - y1 + 1))'],
      [
        'union with the overlap',
        'f(f(area + (otherAreas[j] ?? 0)) - shared)',
        'f(area + (otherAreas[j] ?? 0))',
      ],
      [
        'clipped to the sides of a turned image',
        '% 2 === 0 ? width : height',
        '% 2 === 0 ? height : width',
      ],
      ['boxes without a width kept', 'f(x2 - x1) > least', 'f(x2 - x1) >= least'],
    ]),
    ...inFile('benchmarks/detection/matcher.ts', [
      ['no low-quality matches', 'if (spec.lowQuality) raise', 'if (rows < 0) raise'],
      [
        'one low-quality match alone',
        'if (own[i] === highest) label[i] = 1;',
        'if (own[i] === highest && own.indexOf(highest) === i) label[i] = 1;',
      ],
      ['bounds are strict', '>= bound)', '> bound)'],
      ['the last of equal ground truths', 'value <= (best[i] ?? 0)', 'value < (best[i] ?? 0)'],
    ]),
    ...inFile('benchmarks/detection/nms.ts', [
      ['an equal overlap suppresses', '- shared)) > bound)', '- shared)) >= bound)'],
      ['a higher threshold', 'const bound = f(threshold);', 'const bound = f(threshold + 0.1);'],
      ['classes suppress each other', 'nms(apart(boxes, classes), scores', 'nms(boxes, scores'],
    ]),
    ...inFile('benchmarks/detection/order.ts', [
      [
        'worst scores first',
        '(values[b] ?? 0) - (values[a] ?? 0)',
        '(values[a] ?? 0) - (values[b] ?? 0)',
      ],
      ['the last of equal scores first', '|| a - b', '|| b - a'],
    ]),
  ],
};
