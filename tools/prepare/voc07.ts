import { basename } from 'node:path';
import { sameClasses } from '../../harness/data/classes.ts';
import { LOW_SHOT, lowShotMarks, tooFew } from '../../harness/data/low_shot.ts';
import { VOC_CLASSES } from '../../harness/data/objects/voc_annotation.ts';
import type { Source } from '../../harness/data/source.ts';
import { sourceSpec } from '../../harness/data/spec.ts';
import { bring, type Layout } from './bring.ts';
import { inspect, overlap } from './inspect.ts';
import { COUNTS } from './known.ts';
import { npyNumbers, npyTexts } from './npy.ts';
import { inOut, type Work, writeOnce } from './work.ts';

const FOLDER = 'VOCdevkit/VOC2007';

/** How VOC's devkit of a year lies in folders and archives. */
export function devkitLayout(year: number): Layout {
  const folder = `VOCdevkit/VOC${year}`;
  return {
    folder,
    parts: ['ImageSets', 'JPEGImages', 'Annotations'],
    places: [folder, `VOC${year}`, '.'],
    archives: new RegExp(`^VOC.*${year}.*\\.(tar|tar\\.gz|tgz)$`),
    unpack: {
      place: (entry) => {
        const [, inside] = new RegExp(`(?:^|/)VOC${year}/(.+)$`).exec(entry) ?? [];
        return inside === undefined ? undefined : `${folder}/${inside}`;
      },
    },
  };
}

/**
 * VOC 2007 for the linear and low-shot SVM (docs/reference/benchmarks.md, section 2.1): labels of both
 * parts, low-shot labels and the list of all images, under the original's names.
 */
export async function prepareVoc07(work: Work): Promise<void> {
  await bring(work, devkitLayout(2007));
  const open = (split: 'trainval' | 'test') =>
    inspect(
      work,
      `VOC2007 ${split}`,
      sourceSpec.parse({ kind: 'voc', split }),
      COUNTS.voc07[split],
    );
  const [train, test] = [await open('trainval'), await open('test')];
  const classes = sameClasses(
    { path: 'VOC2007 trainval', source: train },
    { path: 'VOC2007 test', source: test },
  );
  if (classes.join() !== VOC_CLASSES.join())
    work.differences.push(`VOC2007: its classes are not the official ones: ${classes.join(', ')}`);
  overlap(work, 'VOC2007 test', train, test);
  const labels = (...parts: string[]) => inOut(work, FOLDER, 'SVMLabels', ...parts);
  for (const [name, source] of [
    ['train', train],
    ['test', test],
  ] as const) {
    const ids = idsOf(source);
    const paths = ids.map((id) => `${FOLDER}/JPEGImages/${id}.jpg`);
    const marks = source.marks ?? new Int8Array();
    await writeOnce(work, labels(`${name}_images.npy`), npyTexts(paths));
    await writeOnce(work, labels(`${name}_labels.npy`), npyNumbers(marks, classes.length));
    await writeOnce(work, labels(`${name}_targets.json`), targets(ids, classes, marks));
  }
  const all = [...idsOf(train), ...idsOf(test)].map((id) => `${id}.jpg\n`).join('');
  await writeOnce(work, inOut(work, FOLDER, 'Lists/trainvaltest.txt'), all);
  await writeLowShot(work, train, (file) => labels('low_shot/labels', file));
}

async function writeLowShot(
  work: Work,
  { marks = new Int8Array(), classes = [], ...source }: Source,
  path: (file: string) => string,
): Promise<void> {
  const { seed, differences } = work;
  const ids = idsOf(source);
  for (const k of LOW_SHOT.ks) {
    const few = tooFew({ marks, classes }, k);
    if (few !== undefined) {
      differences.push(`low-shot labels: ${few}: none are made of this k`);
      continue;
    }
    for (let sample = 1; sample <= LOW_SHOT.samples; sample++) {
      const drawn = lowShotMarks({ marks, classes }, { k, sample, seed });
      const name = `train_targets_sample${sample}_k${k}`;
      await writeOnce(work, path(`${name}.npy`), npyNumbers(drawn, classes.length));
      await writeOnce(work, path(`${name}.json`), targets(ids, classes, drawn));
    }
  }
}

function idsOf({ count, describe }: Pick<Source, 'count' | 'describe'>): readonly string[] {
  return Array.from({ length: count }, (_, index) => basename(describe(index), '.jpg'));
}

/** `{ID: {CLASS: LABEL}}`, an image a line. */
function targets(ids: readonly string[], classes: readonly string[], marks: Int8Array): string {
  const lines = ids.map((id, row) => {
    const own = classes.map((name, label) => [name, marks[row * classes.length + label]] as const);
    return `${JSON.stringify(id)}: ${JSON.stringify(Object.fromEntries(own))}`;
  });
  return `{${lines.join(',\n')}}\n`;
}
