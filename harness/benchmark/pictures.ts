import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readJson, writeAtomic } from '../base/index.ts';
import type { FeatureStore } from '../features/store.ts';
import { type Picture, type PicturedSet, writePictures } from '../pictures/write_pictures.ts';
import type { BoundFrozen, FeatureUse, Predictions } from './definition.ts';
import type { BenchmarkOptions } from './options.ts';
import type { OpenSets } from './sets.ts';

/** Folder of a work directory. */
export const PICTURES = 'pictures';
/** Which pictures there are, in the order of the page; without it there are none yet. */
const LIST = 'pictures.json';

/** What pictures of a frozen protocol are made of. */
export interface PictureSetup {
  readonly options: BenchmarkOptions;
  readonly bound: BoundFrozen;
  readonly sets: OpenSets;
  readonly store: FeatureStore;
}

const Listed = z.array(
  z.strictObject({ file: z.string(), title: z.string(), note: z.string().optional() }),
);

/** The pictures of a finished run, by their path in its work directory; none where it made none. */
export function picturesIn(workDir: string): readonly Picture[] {
  const file = join(workDir, PICTURES, LIST);
  if (!existsSync(file)) return [];
  const listed = Listed.parse(readJson(file, 'a list of pictures'));
  return listed.map(({ note, ...one }) => ({
    ...one,
    file: `${PICTURES}/${one.file}`,
    ...(note === undefined ? {} : { note }),
  }));
}

/** Draws how the images of a unit were judged. */
export async function drawUnit(
  { options, sets }: Pick<PictureSetup, 'options' | 'sets'>,
  unit: string,
  { set, scores }: Predictions,
): Promise<void> {
  const { workDir, experiment, threads, signal } = options;
  const test = sets.bench[set];
  if (test === undefined) throw new Error(`benchmark: predictions of ${set}, which is no set`);
  const folder = join(workDir, PICTURES);
  const title = `${experiment.name}, ${unit}`;
  const { seed } = experiment;
  await writePictures({ folder, stem: `${unit}_`, title, seed, test, scores, threads, signal });
}

/** Draws where images lie, once all units are there, and lists what was drawn. */
export async function drawFeatures(setup: PictureSetup): Promise<void> {
  const { options, bound } = setup;
  const { workDir, experiment, threads, signal } = options;
  const folder = join(workDir, PICTURES);
  const test = await picturedSet(setup, 'test');
  const train = await picturedSet(setup, 'train');
  const { seed, name: title } = experiment;
  const drawn =
    test === undefined
      ? []
      : await writePictures({ folder, title, seed, test, train, threads, signal });
  await listPictures(folder, bound.units(), drawn);
}

/** Lists what was drawn of each part, and then of the whole. */
export async function listPictures(
  folder: string,
  parts: readonly string[],
  whole: readonly Picture[],
): Promise<void> {
  const listed = [...parts.flatMap((part) => drawnOf(folder, part)), ...whole];
  await writeAtomic(join(folder, LIST), `${JSON.stringify(listed, null, 2)}\n`);
}

function drawnOf(folder: string, part: string): Picture[] {
  const all = [
    { file: `${part}_confusion.svg`, title: `${part}: which classes are taken for which` },
    { file: `${part}_classes.svg`, title: `${part}: by class` },
  ];
  return all.filter(({ file }) => existsSync(join(folder, file)));
}

async function picturedSet(
  { bound, sets, store }: PictureSetup,
  name: 'train' | 'test',
): Promise<PicturedSet | undefined> {
  const set = sets.bench[name];
  const use = bestOf(bound.features().filter((one) => one.set === name));
  const layer = use?.layers.toSorted().at(-1);
  if (set === undefined || use === undefined || layer === undefined) return undefined;
  const features = await store.features(name, layer, use.pooling);
  return { ...set, features, source: sets.images[name]?.source };
}

/** Of the features that are there anyway: one value a channel, else the deepest. */
function bestOf(uses: readonly FeatureUse[]): FeatureUse | undefined {
  return uses.find(({ pooling }) => pooling === 'average') ?? uses.at(-1);
}
