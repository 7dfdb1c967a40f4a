import { inFile, type MutationSet } from './mutation.ts';

/** What a detector is judged by, held to the devkit's and pycocotools' values. */
export const detection: MutationSet = {
  experiment: 'detection metrics',
  parity: ['coco_ap', 'voc_ap'],
  set: [],
  mutations: [
    ...inFile('harness/metrics/voc_detection.ts', [
      ['difficult objects count', 'else if (!truth.difficult) {', 'else {'],
      ['boxes a pixel narrower', '(xmax - xmin + 1) *', '(xmax - xmin) *'],
      [
        'an object is found twice',
        'truth === undefined || taken.has(truth)',
        'truth === undefined',
      ],
      ['11 points in place of the area', "rule === 'area' ?", "rule !== 'area' ?"],
      ['ten points', 'point <= 10; point++', 'point < 10; point++'],
      [
        'precision that may rise',
        'best = Math.max(best, precision[i] ?? 0);\n    upper',
        'best = precision[i] ?? 0;\n    upper',
      ],
      ['worst scores first', 'score(b) - score(a)', 'score(a) - score(b)'],
    ]),
    ...inFile('harness/metrics/coco_match.ts', [
      [
        'a crowd is matched once',
        'taken[truth] === 1 && !truths[truth]?.crowd',
        'taken[truth] === 1',
      ],
      ['crowds count', '(crowd || area < least', '(area < least'],
      [
        'what is too small is wrong',
        'area < least || area > most ? IGNORED : WRONG',
        'area > most ? IGNORED : WRONG',
      ],
      ['an object is found twice', 'taken[order[place] ?? 0] = 1;', ''],
    ]),
    ...inFile('harness/metrics/coco_detection.ts', [
      ['small is smaller', "'small', least: 0, most: 32 ** 2", "'small', least: 0, most: 24 ** 2"],
      ['nine detections in place of ten', '[1, 10, 100];', '[1, 2, 100];'],
      ['one threshold lower', '* ((0.95 - 0.5) / 9) + 0.5', '* ((0.95 - 0.5) / 9) + 0.45'],
      [
        'precision that may rise',
        'Math.max(precisions[i - 1] ?? 0, precisions[i] ?? 0)',
        'precisions[i - 1] ?? 0',
      ],
    ]),
    ...inFile('harness/metrics/coco_boxes.ts', [
      ['crowds over the union', 'crowd ? own : own +', 'own +'],
      ['union with the overlap', '- shared);', ');'],
    ]),
  ],
};
