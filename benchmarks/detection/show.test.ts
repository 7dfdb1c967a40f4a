import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { picturesIn } from '../../harness/benchmark/pictures.ts';
import { drawnSpec } from '../../harness/data/objects/drawn.fixture.ts';
import { openObjects } from '../../harness/data/objects/open_objects.ts';
import { cocoBoxScores, vocScores } from '../../harness/evaluation/object_scores.ts';
import { sharedPath } from '../../harness/testing/shared.ts';
import { jittered } from './jittered.fixture.ts';
import { showDetections } from './show.ts';
import { rankPictures } from './shown_pictures.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'shown-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** All files below a folder, by path. */
function filesOf(path: string): Map<string, string> {
  const names = readdirSync(path, { recursive: true, withFileTypes: true });
  const files = names.flatMap((one) => (one.isFile() ? [join(one.parentPath, one.name)] : []));
  return new Map(
    files.sort().map((file) => [file.slice(path.length), readFileSync(file, 'latin1')]),
  );
}

const source = await openObjects(drawnSpec({ count: 20, seed: 3 }), { data: '' });

describe('what is shown of a detector', () => {
  const found = jittered(source, { masks: true });

  it('is a page with its pictures and results, the same bytes each time', async () => {
    const workDir = join(folder, 'a');
    const shown = await showDetections({ workDir, title: 'T', source, found, judging: 'coco' });
    const names = [
      'sizes',
      'boxes_curves',
      'boxes_classes',
      'masks_curves',
      'masks_classes',
      'best',
      'worst',
    ];
    expect(shown.pictures.map(({ file }) => file)).toEqual(
      names.map((one) => `pictures/${one}.svg`),
    );
    expect(picturesIn(workDir)).toEqual(shown.pictures);
    const page = readFileSync(shown.page, 'utf8');
    for (const { file } of shown.pictures) expect(page).toContain(`](${file})`);
    for (const kind of ['boxes', 'masks'])
      expect(page).toContain(`(results/coco_${kind}_results.json)`);
    const { AP, AP50 } = cocoBoxScores(source, found).stats;
    expect(page).toContain(`| boxes | ${(100 * AP).toFixed(2)} | ${(100 * AP50).toFixed(2)} |`);
    expect(page).not.toMatch(/NaN|undefined/);
    await showDetections({
      workDir: join(folder, 'b'),
      title: 'T',
      source,
      found,
      judging: 'coco',
    });
    expect(filesOf(join(folder, 'b'))).toEqual(filesOf(workDir));
  });

  it("has VOC's numbers by VOC's rules", async () => {
    const workDir = join(folder, 'voc');
    const { judged, page } = await showDetections({
      workDir,
      title: 'T',
      source,
      found,
      judging: 'voc',
    });
    const scores = vocScores(source, found);
    const { AP, AP50, AP75 } = scores;
    expect(judged.map(({ regions, numbers }) => [regions, Object.fromEntries(numbers)])).toEqual([
      ['boxes', { AP, AP50, AP75 }],
    ]);
    for (const [c, own] of (judged[0]?.byClass ?? []).entries())
      expect(own.AP50).toBeCloseTo(100 * (scores.apOfEach[c] ?? -1), 10);
    expect(readFileSync(page, 'utf8')).toContain(
      `| boxes | ${AP.toFixed(2)} | ${AP50.toFixed(2)} | ${AP75.toFixed(2)} |`,
    );
    expect(readdirSync(join(workDir, 'results'))).toHaveLength(3);
  });

  it('is written where nothing was found', async () => {
    const workDir = join(folder, 'none');
    const { judged, page } = await showDetections({
      workDir,
      title: 'T',
      source,
      found: [],
      judging: 'coco',
    });
    expect(judged.map(({ numbers }) => numbers[0])).toEqual([['AP', 0]]);
    expect(readFileSync(page, 'utf8')).toContain('20 pictures with');
  });

  it('stops when told, and refuses a class that VOC cannot judge', async () => {
    const options = {
      workDir: join(folder, 'stop'),
      title: 'T',
      source,
      found,
      judging: 'voc',
    } as const;
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(showDetections({ ...options, signal })).rejects.toThrow('enough');
    const without = { ...source, classes: [...source.classes, 'unicorn'] };
    await expect(showDetections({ ...options, source: without })).rejects.toThrow('unicorn');
  });
});

describe('pictures by how well they were seen', () => {
  it('are best first, equal ones in the order of the data, those without anything left out', async () => {
    const perfect = Array.from({ length: 6 }, (_, image) =>
      source
        .objects(image)
        .map(({ class: label, box }) => ({ image, class: label, box, score: 0.9 })),
    ).flat();
    const { cut, pictures } = rankPictures(source, perfect);
    expect(cut).toMatchObject({ score: 0.9, precision: 1 });
    expect(pictures.map(({ image }) => image)).toEqual([...Array(20).keys()]);
    expect(pictures.map(({ score }) => score)).toEqual([...Array(6).fill(1), ...Array(14).fill(0)]);
    const bare = {
      ...source,
      objects: (index: number) => (index === 9 ? [] : source.objects(index)),
    };
    expect(rankPictures(bare, perfect).pictures).toHaveLength(19);
  });
});

const shared = sharedPath('data');
describe.skipIf(shared === undefined)('on real pictures', () => {
  const data = String(shared);
  it.each([
    ['voc', { kind: 'vocObjects', root: 'VOCdevkit', splits: [{ year: 2007, split: 'test' }] }],
    ['coco', { kind: 'cocoObjects', root: 'coco', part: 'val2017' }],
  ] as const)('%s: crowds, difficult and tiny objects are drawn', async (judging, spec) => {
    const real = await openObjects(spec, { data });
    const found = jittered(real, { masks: judging === 'coco' });
    const workDir = join(folder, `real_${judging}`);
    const { judged } = await showDetections({
      workDir,
      title: 'T',
      source: real,
      found,
      judging,
      sheet: 2,
    });
    expect(judged).toHaveLength(judging === 'coco' ? 2 : 1);
    for (const file of ['best.svg', 'worst.svg']) {
      const svg = readFileSync(join(workDir, 'pictures', file), 'utf8');
      expect(svg.match(/data:image\/jpeg/g)).toHaveLength(4);
      expect(svg).not.toMatch(/NaN|undefined/);
    }
  });
});
