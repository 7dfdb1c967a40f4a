import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drawnSpec } from '../../harness/data/objects/drawn.fixture.ts';
import { openObjects } from '../../harness/data/objects/open_objects.ts';
import {
  cocoBoxScores,
  cocoMaskScores,
  type Found,
  vocScores,
} from '../../harness/evaluation/object_scores.ts';
import { COCO_STATS } from '../../harness/metrics/coco_detection.ts';
import { sharedPath } from '../../harness/testing/shared.ts';
import { readSafetensors } from '../../harness/weights/safetensors.ts';
import { jittered } from './jittered.fixture.ts';
import { foundInCoco, foundInVoc, writeResults } from './result_files.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'results-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const json = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
const drawn = await openObjects(drawnSpec({ count: 24, seed: 2 }), { data: '' });

describe("results in COCO's files", () => {
  it('are the same detections when read, and score the same', async () => {
    const found = jittered(drawn, { masks: true });
    const own = join(folder, 'coco');
    const names = ['coco_boxes_results.json', 'coco_masks_results.json'];
    expect(await writeResults(own, drawn, found, 'coco')).toEqual(names);
    const [boxes, masks] = names.map((name) => foundInCoco(drawn, json(join(own, name))));
    if (boxes === undefined || masks === undefined) throw new Error('no files');
    const bare = (list: readonly Found[]) =>
      list.map(({ image, class: label, score }) => ({ image, label, score }));
    expect(bare(boxes)).toEqual(bare(found));
    expect(masks.map(({ mask }) => mask)).toEqual(found.map(({ mask }) => mask));
    expect(cocoBoxScores(drawn, boxes).stats).toEqual(cocoBoxScores(drawn, found).stats);
    expect(cocoMaskScores(drawn, masks).stats).toEqual(cocoMaskScores(drawn, found).stats);
    expect(cocoBoxScores(drawn, boxes).stats.AP50).toBeGreaterThan(0.3);
  });

  it('have no masks where one is missing', async () => {
    const [first, ...rest] = jittered(drawn, { masks: true });
    if (first === undefined) throw new Error('nothing found');
    const { mask: _, ...bare } = first;
    const names = await writeResults(join(folder, 'some'), drawn, [bare, ...rest], 'coco');
    expect(names).toEqual(['coco_boxes_results.json']);
    expect(readdirSync(join(folder, 'some'))).toEqual(names);
  });

  const good = { image_id: 3, category_id: 2, bbox: [1, 2, 3, 4], score: 0.5 };
  it('read what others write, a mask alone too', () => {
    expect(foundInCoco(drawn, [good])).toEqual([
      { image: 3, class: 1, box: [1, 2, 4, 6], extent: [1, 2, 3, 4], score: 0.5 },
    ]);
    const { width, height } = drawn.image(3);
    // Two pixels down the first column, from its second on.
    const counts = [1, 2, width * height - 3];
    const { bbox: _, ...rest } = good;
    const segmentation = { size: [height, width], counts };
    const [one] = foundInCoco(drawn, [{ ...rest, segmentation }]);
    expect(one?.box).toEqual([0, 1, 1, 3]);
    expect([...(one?.mask?.counts ?? [])]).toEqual(counts);
  });

  it.each([
    [{ ...good, image_id: 99 }, 'detection 0: image 99 is none of the 24 of the data'],
    [{ ...good, category_id: 9 }, 'detection 0: category 9 is none of the 3 that the data have'],
    [{ ...good, bbox: undefined }, 'detection 0 has neither bbox nor segmentation'],
    [{ ...good, bbox: [1, 2, -3, 4] }, 'detections: [0].bbox[2]'],
    [{ ...good, score: 'high' }, 'detections: [0].score'],
    [
      { ...good, segmentation: { size: [2, 2], counts: [4] } },
      'detection 0: a mask of size [2,2] on an image of',
    ],
    [
      { ...good, segmentation: [[1, 2, 1e9, 2, 5, 5]] },
      'detection 0: an outline far outside its image of',
    ],
    [{ ...good, bbox: [1, 2, 1e308, 4] }, 'detection 0 has the bbox 1, 2, 1e+308, 4'],
  ])('refuse %j', (result, message) => {
    expect(() => foundInCoco(drawn, [result])).toThrow(message);
  });
});

describe("results in VOC's files", () => {
  it('are scored the same when read, since scores are of what is written', async () => {
    const found = jittered(drawn);
    const own = join(folder, 'voc');
    const names = await writeResults(own, drawn, found, 'voc');
    expect(names).toEqual(drawn.classes.map((name) => `comp4_det_test_${name}.txt`));
    const files = new Map(names.map((name) => [name, readFileSync(join(own, name), 'utf8')]));
    const lines = [...files.values()].flatMap((text) => text.trimEnd().split('\n'));
    expect(lines).toHaveLength(found.length);
    for (const line of lines) expect(line).toMatch(/^\d+ \d\.\d{3}( -?\d+\.\d){4}$/);
    const read = foundInVoc(drawn, files);
    expect(vocScores(drawn, read)).toEqual(vocScores(drawn, found));
    expect(vocScores(drawn, read).AP50).toBeGreaterThan(30);
  });

  it('are the same files when read and written again', async () => {
    const coordinate = fc.float({ min: 0, max: 500, noNaN: true });
    const one = fc.record({
      image: fc.integer({ min: 0, max: 23 }),
      class: fc.integer({ min: 0, max: 2 }),
      box: fc.tuple(coordinate, coordinate, coordinate, coordinate),
      score: fc.float({ min: 0, max: 1, noNaN: true }),
    });
    const textsOf = async (found: readonly Found[], to: string) => {
      const names = await writeResults(join(folder, to), drawn, found, 'voc');
      return new Map(names.map((name) => [name, readFileSync(join(folder, to, name), 'utf8')]));
    };
    await fc.assert(
      fc.asyncProperty(fc.array(one, { minLength: 1, maxLength: 12 }), async (found) => {
        const first = await textsOf(found, 'once');
        expect(await textsOf(foundInVoc(drawn, first), 'twice')).toEqual(first);
      }),
      { numRuns: 40, seed: 26 },
    );
  });

  it("add 1 to the corner in float32, as detectron2's numpy does", async () => {
    // Python: x = numpy.float32(0.15); x += 1; f'{x:.1f}' is 1.1, where float(x) + 1 gives 1.2.
    const box = [Math.fround(0.15), 0, 9, 9] as const;
    await writeResults(join(folder, 'f32'), drawn, [{ image: 0, class: 0, box, score: 1 }], 'voc');
    const text = readFileSync(join(folder, 'f32', 'comp4_det_test_disc.txt'), 'utf8');
    expect(text).toBe('0 1.000 1.1 1.0 9.0 9.0\n');
  });

  const with2 = (text: string) =>
    new Map(drawn.classes.map((name, i) => [`comp4_det_test_${name}.txt`, i === 1 ? text : '']));
  it.each([
    ['0 0.5 1 2 3', 'comp4_det_test_square.txt, line 1: "0 0.5 1 2 3"; expected picture, score'],
    ['0 0.5 1 2 3 4\n\n77 0.5 1 2 3 4', 'comp4_det_test_square.txt, line 3: image 77 is none of'],
    ['0 0x5 1 2 3 4', 'line 1: "0 0x5 1 2 3 4"'],
    ['0 nan 1 2 3 4', 'line 1: "0 nan 1 2 3 4"'],
  ])('refuse %j', (text, message) => {
    expect(() => foundInVoc(drawn, with2(text))).toThrow(message);
  });

  it('have a file for each class', () => {
    expect(() => foundInVoc(drawn, new Map())).toThrow('comp4_det_test_disc.txt is missing');
  });
});

const shared = sharedPath('data');
describe.skipIf(shared === undefined)('on the subset of COCO', async () => {
  const golden = join(fileURLToPath(import.meta.url), '../../../golden/metrics');
  const spec = { kind: 'cocoObjects', root: 'coco', part: 'val2017' } as const;
  const truths = await openObjects(spec, { data: String(shared) });
  const { tensors } = readSafetensors(join(golden, 'coco_subset.safetensors'));

  it.each([
    ['bbox', 'coco_boxes_results.json', cocoBoxScores],
    ['segm', 'coco_masks_results.json', cocoMaskScores],
  ] as const)(
    '%s: what is read from the file has the numbers of pycocotools',
    async (kind, file, scores) => {
      const made = foundInCoco(truths, json(join(golden, 'coco_subset.json')));
      await writeResults(join(folder, 'subset'), truths, made, 'coco');
      const { stats } = scores(truths, foundInCoco(truths, json(join(folder, 'subset', file))));
      const expected = [...(tensors.get(`${kind}.stats`)?.data ?? [])].map(Number);
      expect(expected).toHaveLength(12);
      for (const [i, name] of COCO_STATS.entries())
        expect(Math.abs(stats[name] - (expected[i] ?? Number.NaN))).toBeLessThan(1e-9);
    },
  );
});
