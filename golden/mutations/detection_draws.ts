import { inFile, type MutationSet } from './mutation.ts';

/** What no value of the reference holds, because it is drawn or made of the heads' words: tests of their definitions. */
export const detectionDraws: MutationSet = {
  experiment: 'detection draws and results',
  tests: ['boxes', 'detections', 'masks', 'solver'].map(
    (name) => `benchmarks/detection/${name}.test.ts`,
  ),
  set: [],
  mutations: [
    ...inFile('benchmarks/detection/sampling.ts', [
      [
        'the share of objects rounded up',
        'Math.floor(count * positiveFraction)',
        'Math.ceil(count * positiveFraction)',
      ],
      [
        'missing objects are not made up for',
        'Math.min(negatives.length, count - own)',
        'Math.min(negatives.length, count - Math.floor(count * positiveFraction))',
      ],
      ['the first are taken', 'stream.int(i, order.length - 1)', 'i'],
      [
        'what is ignored is background',
        'labels[i] === wanted',
        'Math.abs(labels[i] ?? 0) === wanted',
      ],
    ]),
    ...inFile('benchmarks/detection/roi_head.ts', [
      [
        'ground truths are no regions',
        'joinedBoxes([proposed, truths])',
        'joinedBoxes([proposed, truths.subarray(0, 0)])',
      ],
      ['background is the first class', '?? background) : background)', '?? background) : 0)'],
      [
        'background learns boxes',
        'if (classes[i] === background) deltas',
        'if (classes[i] === -1) deltas',
      ],
      ['far regions are ignored', 'labels: [0, 1]', 'labels: [-1, 1]'],
      ['objects need more overlap', 'thresholds: [threshold]', 'thresholds: [threshold + 0.2]'],
    ]),
    ...inFile('benchmarks/detection/detections.ts', [
      ['scores at the bound count', '> bound) rows.push', '>= bound) rows.push'],
      ['background is a class', 'c < classes; c++) if', 'c <= classes; c++) if'],
      [
        'results of all classes suppress each other',
        'rows.map(classOf), nmsThreshold',
        'rows.map(() => 0), nmsThreshold',
      ],
      ['results beyond the image', 'clipped(decoded, size)', 'decoded'],
      [
        'results without the weights of the coder',
        'regions, coderWeights)',
        'regions, [1, 1, 1, 1])',
      ],
      ['a result fewer', '0,\n    most,', '0,\n    most - 1,'],
      ['empty results kept', 'filter((i) => large[i] === 1)', 'filter(() => true)'],
      [
        'masks by their place after all',
        'masks.subarray(place * size, (place + 1) * size)',
        'masks.subarray(i * size, (i + 1) * size)',
      ],
    ]),
    ...inFile('benchmarks/detection/boxes.ts', [
      ['results stretched alike', 'f(i % 2 === 0 ? x : y)', 'f(i % 2 === 0 ? x : x)'],
    ]),
    ...inFile('harness/metrics/rle_polygon.ts', [
      [
        'what parts of an object share alone',
        'merged([first, ...rest])',
        'merged([first, ...rest], true)',
      ],
    ]),
    ...inFile('benchmarks/detection/solver.ts', [
      ['less momentum', "kind: 'sgd', lr, momentum,", "kind: 'sgd', lr, momentum: 0.8 * momentum,"],
      ['norms decay', 'weightDecay: 0 }', 'weightDecay }'],
      [
        'the extra norm decays',
        "'\\\\.norm\\\\.'",
        "'conv\\\\d\\\\.norm\\\\.|shortcut\\\\.norm\\\\.'",
      ],
      ['warm-up from the whole rate', 'ratio: factor', 'ratio: 1'],
      ['steps by a half', 'gamma: 0.1', 'gamma: 0.5'],
    ]),
  ],
};
