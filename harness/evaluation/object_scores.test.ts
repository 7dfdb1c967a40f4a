import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { ObjectTruths } from '../data/objects/objects.ts';
import { openObjects } from '../data/objects/open_objects.ts';
import { boxTask } from '../metrics/coco_boxes.ts';
import { apOfSizes, COCO_STATS, cocoDetection } from '../metrics/coco_detection.ts';
import { maskTask } from '../metrics/coco_masks.ts';
import { decimals } from '../metrics/decimals.ts';
import { rleOfBitmap } from '../metrics/rle.ts';
import { rleOfText } from '../metrics/rle_text.ts';
import { sharedPath } from '../testing/shared.ts';
import { readSafetensors } from '../weights/safetensors.ts';
import {
  cocoBoxScores,
  cocoMaskScores,
  cocoResults,
  type Found,
  vocResults,
  vocScores,
} from './object_scores.ts';

// As Python's f'{value:.3f}' and f'{value:.1f}' have it.
test.each([
  [0.0625, 3, '0.062'],
  [0.1875, 3, '0.188'],
  [0.5625, 3, '0.562'],
  [10.25, 1, '10.2'],
  [10.75, 1, '10.8'],
  [-0.25, 1, '-0.2'],
  [1.005, 2, '1.00'],
  [0.0005, 3, '0.001'],
  [2.5, 0, '2'],
  [123.45, 1, '123.5'],
  [Math.fround(0.1), 1, '0.1'],
])('%d with %i decimals is %s', (value, places, text) => {
  expect(decimals(value, places)).toBe(text);
});

const shared = sharedPath('data');
describe.skipIf(shared === undefined)('made detections on the subset of COCO', async () => {
  const golden = join(fileURLToPath(import.meta.url), '../../../golden/metrics');
  const text = readFileSync(join(golden, 'coco_subset.json'), 'utf8');
  const results: {
    image_id: number;
    category_id: number;
    bbox: [number, number, number, number];
    score: number;
    segmentation: { size: [number, number]; counts: string };
  }[] = JSON.parse(text);
  const { tensors } = readSafetensors(join(golden, 'coco_subset.safetensors'));
  const spec = { kind: 'cocoObjects', root: 'coco', part: 'val2017' } as const;
  const truths = await openObjects(spec, { data: String(shared) });
  const places = new Map(Array.from({ length: truths.count }, (_, i) => [truths.image(i).id, i]));
  const found = results.map(({ bbox: [x, y, w, h], segmentation, ...one }): Found => {
    const image = places.get(one.image_id) ?? -1;
    const label = truths.categories?.indexOf(one.category_id) ?? -1;
    const mask = rleOfText(...segmentation.size, segmentation.counts);
    return { image, class: label, box: [x, y, x + w, y + h], score: one.score, mask };
  });
  const apart = (values: ArrayLike<number>, name: string) => {
    const expected = Array.from(tensors.get(name)?.data ?? [], Number);
    expect(values.length).toBe(expected.length);
    return Math.max(...expected.map((value, i) => Math.abs((values[i] ?? Number.NaN) - value)));
  };

  test.each([
    ['bbox', cocoBoxScores],
    ['segm', cocoMaskScores],
  ] as const)('%s: the numbers of pycocotools', (kind, scores) => {
    const { stats, recall } = scores(truths, found);
    const twelve = COCO_STATS.map((name) => stats[name]);
    expect(apart(twelve, `${kind}.stats`)).toBeLessThan(1e-9);
    expect(apart(recall, `${kind}.recall`)).toBeLessThan(1e-9);
    expect(stats.AP).toBeGreaterThan(0.05);
  });

  test('the written results give the same numbers, read with the annotations', () => {
    const written: unknown = JSON.parse([...cocoResults(truths, found)].join(''));
    const path = join(String(shared), 'coco/annotations/instances_val2017.json');
    const annotations: unknown = JSON.parse(readFileSync(path, 'utf8'));
    const boxes = cocoDetection(boxTask(annotations, written));
    expect(
      apart(
        COCO_STATS.map((name) => boxes.stats[name]),
        'bbox.stats',
      ),
    ).toBeLessThan(1e-9);
    const masks = cocoDetection(maskTask(annotations, written));
    expect(
      apart(
        COCO_STATS.map((name) => masks.stats[name]),
        'segm.stats',
      ),
    ).toBeLessThan(1e-9);
  });

  test('AP of each class and size goes with the twelve numbers', () => {
    const scores = cocoBoxScores(truths, found);
    const sizes = apOfSizes(scores);
    const mean = (area: number) => {
      const values = [...sizes].filter((value, at) => at % 4 === area && value >= 0);
      return values.reduce((sum, value) => sum + value, 0) / values.length;
    };
    const { AP, APsmall, APmedium, APlarge } = scores.stats;
    for (const [area, value] of [AP, APsmall, APmedium, APlarge].entries())
      expect(mean(area)).toBeCloseTo(value, 9);
    expect([...sizes].filter((_, at) => at % 4 === 0)).toEqual([...scores.apOfEach]);
  });
});

const object = { area: 100, crowd: false, difficult: false };
const two: ObjectTruths = {
  count: 2,
  classes: ['cat', 'dog'],
  image: (index) => ({ id: `00000${index}`, width: 40, height: 30 }),
  objects: (index) =>
    index === 0
      ? [
          { ...object, class: 0, box: [0, 0, 10, 10] },
          { ...object, class: 1, box: [20, 0, 30, 10], difficult: true },
        ]
      : [{ ...object, class: 1, box: [4, 5, 14, 15] }],
};
const claims: Found[] = [
  { image: 0, class: 0, box: [0, 0, 10, 10], score: 0.9 },
  { image: 0, class: 1, box: [20, 0, 30, 10], score: 0.8 },
  { image: 1, class: 1, box: [4.25, 5, 14, 15], score: 0.50049 },
  { image: 1, class: 1, box: [30, 5, 35, 15], score: 0.5004 },
];

test('VOC: lines as the devkit has them, 1 added to the left and upper side', () => {
  const files = vocResults(two, claims);
  expect([...files.keys()]).toEqual(['comp4_det_test_cat.txt', 'comp4_det_test_dog.txt']);
  expect(files.get('comp4_det_test_dog.txt')).toBe(
    '000000 0.800 21.0 1.0 30.0 10.0\n000001 0.500 5.2 6.0 14.0 15.0\n000001 0.500 31.0 6.0 35.0 15.0\n',
  );
});

test('VOC: scores that are equal in the files tie, difficult objects count neither way', () => {
  const inOrder = vocScores(two, claims);
  expect(inOrder.AP50).toBeCloseTo(100, 9);
  // The last two tie in the text, and stay in the order of the list: here the wrong one is first.
  const turned = vocScores(
    two,
    [0, 1, 3, 2].flatMap((i) => claims[i] ?? []),
  );
  expect(turned.AP50).toBeCloseTo(75, 9);
  expect(vocScores(two, claims, 'area').AP50).toBeCloseTo(100, 9);
});

test('COCO: data without ids number their classes from 1; masks are run lengths', () => {
  const mask = rleOfBitmap(2, 3, [0, 1, 1, 0, 0, 1]);
  const [first] = claims;
  const text = [...cocoResults(two, first === undefined ? [] : [{ ...first, mask }])].join('');
  expect(JSON.parse(text)).toEqual([
    {
      image_id: '000000',
      category_id: 1,
      bbox: [0, 0, 10, 10],
      score: 0.9,
      segmentation: { size: [2, 3], counts: '2111' },
    },
  ]);
  expect([...cocoResults(two, [])].join('')).toBe('[\n]\n');
});
