import { inFile, type MutationSet } from './mutation.ts';

/** What a detector is trained on and begins from, held to detectron2's values. */
export const detectionData: MutationSet = {
  experiment: 'detection data',
  parity: ['det_data', 'det_resize', 'det_weights'],
  set: [],
  mutations: [
    ...inFile('harness/data/objects/voc_annotation.ts', [
      ['boxes counted from 1', "at('xmin') - 1, at('ymin') - 1", "at('xmin'), at('ymin')"],
      ['1 taken off every side', "at('xmax'), at('ymax')]", "at('xmax') - 1, at('ymax') - 1]"],
    ]),
    ...inFile('harness/data/objects/coco_file.ts', [
      [
        'images in the order of the file',
        'sort((a, b) => a.id - b.id);\n    unrepeated(path',
        'sort(() => 0);\n    unrepeated(path',
      ],
      ['polygons of two corners', 'const FEWEST = 6;', 'const FEWEST = 4;'],
      [
        'objects without a polygon kept',
        'this.points.length === first) this',
        'this.points.length < first) this',
      ],
      ['crowds are objects like others', 'crowd: crowd !== 0', 'crowd: crowd > 1'],
      [
        'boxes half as wide',
        '[x, y, x + width, y + height]',
        '[x, y, x + 0.5 * width, y + height]',
      ],
    ]),
    ...inFile('harness/data/objects/objects.ts', [
      ['images with crowds alone are drawn', 'some(({ crowd }) => !crowd)', 'some(() => true)'],
    ]),
    ...inFile('harness/data/objects/change_objects.ts', [
      [
        'the long side is as asked',
        'short / Math.min(height, width)',
        'short / Math.max(height, width)',
      ],
      ['no limit of the long side', 'if (most > longest) {', 'if (most > 2 * longest) {'],
      ['sizes are cut', 'Math.trunc(toWidth + 0.5), toHeight', 'Math.trunc(toWidth), toHeight'],
      ['sizes are rounded up', 'Math.trunc(toHeight + 0.5) };', 'Math.ceil(toHeight) };'],
      ['flipped boxes a pixel off', 'toWidth - right, y1', 'toWidth - right - 1, y1'],
      [
        'boxes flipped upside down',
        '[toWidth - right, y1 * down, toWidth - left, y2 * down]',
        '[left, toHeight - y2 * down, right, toHeight - y1 * down]',
      ],
      ['outlines are not flipped', 'return flip ? toWidth - x : x;', 'return x;'],
      ['sides scaled alike', 'return at * (toHeight / height)', 'return at * (toWidth / width)'],
      ['crowds are trained on', '.filter(({ crowd }) => !crowd)', '.filter(() => true)'],
      [
        'boxes without a side are trained on',
        'clipped[2] - clipped[0] <= NOTHING',
        'clipped[2] - clipped[0] < 0',
      ],
    ]),
    ...inFile('harness/data/objects/picture.ts', [
      ['resized by another filter', "interpolation: 'bilinear'", "interpolation: 'bicubic'"],
      ['pictures are not flipped', "if (flip) changes.push({ kind: 'flip' });", ''],
    ]),
    ...inFile('harness/data/objects/batches.ts', [
      ['one bucket for all', 'isWide(one.index) ? 0 : 1', 'isWide(one.index) ? 0 : 0'],
      ['batches one larger', 'waiting[side].length < batch', 'waiting[side].length <= batch'],
    ]),
    ...inFile('harness/optim/schedule.ts', [
      ['a step one iteration late', 'milestone <= now', 'milestone < now'],
      ['warm-up from nothing', '1 - left * (1 - spec.ratio)', '1 - left'],
    ]),
    ...inFile('harness/weights/match_names.ts', [
      [
        'names that were used are told as left over',
        'filter((name) => !given.has(name))',
        'filter((name) => given.has(name))',
      ],
      ['whole names alone', 'const found = byEnds ?', 'const found = !byEnds ?'],
    ]),
    ...inFile('harness/weights/detector_file.ts', [
      [
        'the last stage in the backbone',
        "own.startsWith(LAST) ? 'roi_heads'",
        "own.startsWith(LAST) ? 'backbone'",
      ],
    ]),
  ],
};
