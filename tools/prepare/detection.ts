import { kindOfPath, UserError } from '../../harness/base/index.ts';
import { bring, type Layout } from './bring.ts';
import { overlap } from './inspect.ts';
import { inspectObjects } from './inspect_objects.ts';
import { COCO_CATEGORIES } from './known.ts';
import { devkitLayout } from './voc07.ts';
import { inOut, type Work } from './work.ts';

const YEARS = [2007, 2012];

/**
 * VOC 2007 and 2012 for detection (docs/reference/detection.md, section 1): nothing is written, the
 * source reads the devkits as they are. A part that is not there is told.
 */
export async function prepareVoc(work: Work): Promise<void> {
  for (const path of work.from) await bringDevkits({ ...work, from: [path] });
  const open = async (year: number, split: 'trainval' | 'test') => {
    const list = inOut(work, `VOCdevkit/VOC${year}/ImageSets/Main/${split}.txt`);
    const name = `VOC${year} ${split}`;
    if (kindOfPath(list) === undefined) {
      work.differences.push(`${name}: ${list} is not there: not the official set`);
      return undefined;
    }
    const splits = [{ year, split }];
    return inspectObjects(work, name, { kind: 'vocObjects', root: 'VOCdevkit', splits });
  };
  const parts = [await open(2007, 'trainval'), await open(2012, 'trainval')];
  const test = await open(2007, 'test');
  if (parts.every((part) => part === undefined) && test === undefined)
    throw new UserError(
      `${inOut(work, 'VOCdevkit')} holds no part of VOC; name the folder or the archives that were downloaded with --from`,
    );
  if (test === undefined) return;
  for (const part of parts) if (part !== undefined) overlap(work, 'VOC2007 test', part, test);
}

/** A path may hold both years, or one of them alone. */
async function bringDevkits(work: Work): Promise<void> {
  const refused: UserError[] = [];
  for (const year of YEARS)
    try {
      await bring(work, devkitLayout(year));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      refused.push(error);
    }
  const [first] = refused;
  if (first !== undefined && refused.length === YEARS.length) throw first;
}

const COCO: Layout = {
  folder: 'coco',
  parts: ['annotations', 'train2017', 'val2017'],
  places: ['coco', '.'],
  archives: /^coco.*\.(tar|tar\.gz|tgz)$/,
  unpack: {
    place: (entry) =>
      /(?:^|\/)((?:annotations|train2017|val2017)\/.+)$/.exec(entry)?.[1]?.replace(/^/, 'coco/'),
  },
};

/**
 * COCO 2017 for detection (docs/reference/detection.md, section 2): nothing is written. A part that is
 * not there is told.
 */
export async function prepareCoco(work: Work): Promise<void> {
  await bring(work, COCO);
  const open = async (part: 'train2017' | 'val2017') => {
    const name = `COCO ${part}`;
    const file = inOut(work, `coco/annotations/instances_${part}.json`);
    if (kindOfPath(file) === undefined) {
      work.differences.push(`${name}: ${file} is not there: not the official set`);
      return undefined;
    }
    const source = await inspectObjects(work, name, { kind: 'cocoObjects', root: 'coco', part });
    if (source.categories?.join() !== COCO_CATEGORIES.join())
      work.differences.push(
        `${name}: its categories are not the official ones: ${source.categories?.join(', ')}`,
      );
    return source;
  };
  const [train, val] = [await open('train2017'), await open('val2017')];
  if (train === undefined && val === undefined)
    throw new UserError(
      `${inOut(work, 'coco/annotations')} has no instances of COCO 2017; name the folder that was unpacked with --from`,
    );
  if (train !== undefined && val !== undefined) overlap(work, 'COCO val2017', train, val);
}
