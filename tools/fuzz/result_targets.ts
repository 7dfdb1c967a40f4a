import { basename, join } from 'node:path';
import fc from 'fast-check';
import { foundInCoco, foundInVoc } from '../../benchmarks/detection/result_files.ts';
import { readText } from '../../harness/base/file_error.ts';
import { readJson } from '../../harness/base/index.ts';
import type { ObjectTruths } from '../../harness/data/objects/objects.ts';
import { deepText, mutatedJson } from './json.ts';
import { mutated, type PieceFormat } from './pieces.ts';
import type { Target } from './target.ts';

const text = (value: string) => new Uint8Array(Buffer.from(value));
const linesOf = (value: string) => value.split(/(?<=\n)/).map(text);
const PARTS: Pick<PieceFormat, 'join'> = { join: (pieces) => Buffer.concat(pieces) };

/** Two pictures that results may be of. */
const TRUTHS: ObjectTruths = {
  count: 2,
  classes: ['cat', 'dog'],
  categories: [17, 18],
  image: (index) => ({ id: index === 0 ? 9 : '000002', width: 30, height: 20 }),
  objects: () => [],
};

const boxed = { image_id: 9, category_id: 18, bbox: [1, 2, 4, 3], score: 0.5 };
const { bbox: _, ...bare } = boxed;
const RESULTS = [
  boxed,
  { ...boxed, image_id: '000002', segmentation: [[1, 2, 5, 2, 5, 5]] },
  { ...boxed, segmentation: { size: [20, 30], counts: [0, 2, 598] } },
  { ...bare, segmentation: { size: [20, 30], counts: '02fb0' } },
];

/** Results of COCO's, as other tools write them. */
export function cocoResultsTarget(): Target {
  const json = (value: unknown) => text(JSON.stringify(value) ?? 'null');
  const asText = mutated({ seeds: [linesOf(JSON.stringify(RESULTS, null, 1))], ...PARTS });
  return {
    files: fc.oneof(
      { weight: 3, arbitrary: mutatedJson([RESULTS]).map(json) },
      { weight: 1, arbitrary: asText },
    ),
    fixed: [...[RESULTS, [], null].map(json), ...[deepText(5000), '[{"score":1e999}]'].map(text)],
    place: (folder) => join(folder, 'results.json'),
    feed: (path) => foundInCoco(TRUTHS, readJson(path, 'results of a detector')),
    names: /^detections?\b/,
  };
}

const LINES = '9 0.062 2.0 3.0 5.5 6.0\n000002 .5 1 1 30 20\n\n9 1e-3 -1.0 +2.5 4. 3\n';
const WORDS = ['0', '-1', '1e999', 'NaN', '', '0x10', '3', '9', '1_0', '\uff11'];

/** Lines in which one word is another. */
const reworded = fc.record({ place: fc.nat(), word: fc.constantFrom(...WORDS) }).map((change) => {
  const words = LINES.split(/( |\n)/);
  const at = 2 * (change.place % Math.ceil(words.length / 2));
  return text(words.map((own, i) => (i === at ? change.word : own)).join(''));
});

/** Results of one class as VOC's devkit has them. */
export function vocResultsTarget(): Target {
  return {
    files: fc.oneof(mutated({ seeds: [linesOf(LINES)], ...PARTS }), reworded),
    fixed: [LINES, '', '\r\n', '\ufeff', `9 ${'1'.repeat(100_000)} 1 1 2 2`].map(text),
    place: (folder) => join(folder, 'comp4_det_test_dog.txt'),
    feed: (path) =>
      foundInVoc(
        TRUTHS,
        new Map([
          ['comp4_det_test_cat.txt', ''],
          [basename(path), readText(path)],
        ]),
      ),
    names: /^comp4_det_test_dog\.txt, line \d/,
  };
}
