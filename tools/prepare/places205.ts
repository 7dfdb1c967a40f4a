import { existsSync } from 'node:fs';
import { UserError } from '../../harness/base/index.ts';
import { sameClasses } from '../../harness/data/classes.ts';
import { sourceSpec } from '../../harness/data/spec.ts';
import { bring, type Layout } from './bring.ts';
import { inspect, overlap } from './inspect.ts';
import { COUNTS } from './known.ts';
import { writeLists } from './lists.ts';
import { inOut, linkTo, type Work } from './work.ts';

const FOLDER = 'places205';
const IMAGES = 'data/vision/torralba/deeplearning/images256';
const SPLIT = 'trainvalsplit_places205';

const LAYOUT: Layout = {
  folder: FOLDER,
  parts: ['images256', 'data', SPLIT, 'train', 'val', 'meta'],
  places: [FOLDER, '.'],
  archives: /places205.*\.(tar|tar\.gz|tgz)$/i,
  unpack: { place: (entry) => `${FOLDER}/${entry.replace(/^places205\//, '')}` },
};

/**
 * Places205's lists (docs/reference/benchmarks.md, section 7), `meta/{train,val}.txt` and
 * `meta/{train,val}_labeled.txt`, from the publisher's tables of labels.
 */
export async function preparePlaces205(work: Work): Promise<void> {
  await bring(work, LAYOUT);
  const open = async (part: 'train' | 'val') => {
    const file = first(work, [
      `${SPLIT}/${part}_places205.csv`,
      `${part}_places205.csv`,
      `meta/${part}_labeled.txt`,
    ]);
    const root = first(work, [part, 'images256', IMAGES]);
    const spec = sourceSpec.parse({ kind: 'list', root, file, labelled: true });
    const source = await inspect(work, `Places205 ${part}`, spec, COUNTS.places205[part]);
    return { path: `Places205 ${part}`, source, root };
  };
  const [train, val] = [await open('train'), await open('val')];
  sameClasses(train, val);
  overlap(work, 'Places205 val', train.source, val.source);
  for (const [part, { source, root }] of [
    ['train', train],
    ['val', val],
  ] as const) {
    linkTo(work, inOut(work, FOLDER, part), inOut(work, root));
    await writeLists(work, FOLDER, part, source);
  }
}

/** The first of some paths that is there, from the data folder. */
function first(work: Work, names: readonly string[]): string {
  const found = names.find((name) => existsSync(inOut(work, FOLDER, name)));
  if (found !== undefined) return `${FOLDER}/${found}`;
  throw new UserError(
    `${inOut(work, FOLDER)} has none of ${names.join(', ')}; name what was downloaded as --from: the images and trainvalsplit_places205.tar.gz`,
  );
}
