import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { UserError } from '../../harness/base/index.ts';
import { sameClasses } from '../../harness/data/classes.ts';
import type { Source } from '../../harness/data/source.ts';
import { listFolder } from '../../harness/data/sources/listing.ts';
import type { SourceSpec } from '../../harness/data/spec.ts';
import { bring, type Layout } from './bring.ts';
import { inspect, overlap } from './inspect.ts';
import { COUNTS } from './known.ts';
import { writeLists } from './lists.ts';
import { inOut, type Work } from './work.ts';

const FOLDER = 'imagenet';

const LAYOUT: Layout = {
  folder: FOLDER,
  parts: ['train', 'val'],
  places: [FOLDER, 'ILSVRC/Data/CLS-LOC', '.'],
  archives: /^(ILSVRC2012_img_(train|val)|imagenet.*)\.(tar|tar\.gz|tgz)$/,
  unpack: { place: placeOf, inside: insideOf },
};

/** Where a file of an archive belongs: ImageNet's own archive of validation images has no folders. */
function placeOf(entry: string): string | undefined {
  const [, part] = /(?:^|\/)((?:train|val)\/.+)$/.exec(entry) ?? [];
  if (part !== undefined) return `${FOLDER}/${part}`;
  return /^ILSVRC2012_val_\d+\.JPEG$/.test(entry) ? `${FOLDER}/val/${entry}` : `${FOLDER}/${entry}`;
}

/** The archive of training images holds one of each class. */
function insideOf(entry: string): string | undefined {
  const [, name] = /^(?:.*\/)?(n\d{8})\.tar$/.exec(entry) ?? [];
  return name === undefined ? undefined : `${FOLDER}/train/${name}`;
}

/** ImageNet's lists, `meta/{train,val}.txt` and `meta/{train,val}_labeled.txt`, from its folders. */
export async function prepareImagenet(work: Work): Promise<void> {
  await bring(work, LAYOUT);
  const train = await part(work, 'train', { kind: 'folder', root: `${FOLDER}/train` });
  const val = await part(work, 'val', await valSpec(work, train));
  if (train === undefined && val === undefined)
    throw new UserError(
      `${inOut(work, FOLDER)} has neither train nor val; name what was downloaded as --from`,
    );
  if (train !== undefined && val !== undefined) {
    sameClasses({ path: 'ImageNet train', source: train }, { path: 'ImageNet val', source: val });
    overlap(work, 'ImageNet val', train, val);
  }
  if (train !== undefined) await writeLists(work, FOLDER, 'train', train);
  if (val !== undefined) await writeLists(work, FOLDER, 'val', val);
}

async function part(
  work: Work,
  name: 'train' | 'val',
  spec: SourceSpec,
): Promise<Source | undefined> {
  if (existsSync(inOut(work, FOLDER, name)))
    return inspect(work, `ImageNet ${name}`, spec, COUNTS.imagenet[name]);
  work.differences.push(`ImageNet ${name} is not there: only the other part is prepared`);
  return undefined;
}

/** Validation images lie in folders of their classes, or all in one, with a list of labels. */
async function valSpec(work: Work, train: Source | undefined): Promise<SourceSpec> {
  const root = `${FOLDER}/val`;
  const folder = inOut(work, root);
  const flat = existsSync(folder) && (await listFolder(folder, work.signal)).folders.length === 0;
  if (!flat) return { kind: 'folder', root };
  const known = ['val_labeled.txt', 'val.txt', 'meta/val_labeled.txt'];
  const found = [
    ...(work.labels === undefined ? [] : [resolve(work.labels)]),
    inOut(work, FOLDER, 'meta/val_labeled.txt'),
    ...work.from.flatMap((from) => known.map((name) => join(resolve(from), name))),
  ].find((path) => existsSync(path));
  if (found === undefined)
    throw new UserError(
      `${folder} has images without folders, so nothing tells their classes; name a list with a line "ILSVRC2012_val_00000001.JPEG 65" for each as --labels, or put them into folders of their classes`,
    );
  const classes = train?.classes === undefined ? {} : { classes: train.classes };
  return { kind: 'list', root, file: found, labelled: true, ...classes };
}
