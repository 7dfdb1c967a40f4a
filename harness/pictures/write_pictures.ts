import { join } from 'node:path';
import { breath, writeAtomic } from '../base/index.ts';
import type { Source } from '../data/source.ts';
import { nearestRows } from '../evaluation/nearest_rows.ts';
import { inMemory } from '../evaluation/row_source.ts';
import type { LayerFeatures } from '../features/layers.ts';
import { type ClassValues, classBarsSvg } from './class_bars.ts';
import { accuracyBars, precisionBars } from './class_values.ts';
import { confusionOf, confusionSvg } from './confusion.ts';
import { featureMapSvg } from './feature_map.ts';
import { rowsAt, sampled } from './gather.ts';
import { className, type Labelled, presentIn } from './labelled.ts';
import { FEWEST, neighbourPlane } from './neighbour_plane.ts';
import { neighbourSheet, png, type SheetRow, sameClass, shownImages } from './neighbour_sheet.ts';
import { principalPlane } from './plane.ts';

/** Images of which pictures are made. */
export interface PicturedSet extends Labelled {
  /** Reads an image. */
  readonly source?: Pick<Source, 'read'> | undefined;
  /** One row an image, float32 [N, D]; those of the last layer, averaged over pixels, are best. */
  readonly features?: LayerFeatures | undefined;
}

export interface PictureOptions {
  /** Where they go; files of the same names are replaced. */
  readonly folder: string;
  /** What file names begin with, e.g. `feat5_`. */
  readonly stem?: string;
  /** What was judged, for titles. */
  readonly title: string;
  readonly seed: number;
  readonly test: PicturedSet;
  /** Where neighbours are searched; absent: no sheet. */
  readonly train?: PicturedSet | undefined;
  /** float32 [N, C] of the test images: the larger, the more the class. Absent: map and sheet alone. */
  readonly scores?: Float32Array | undefined;
  /** Threads of the engine; 0 for all cores. Never changes a bit. */
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One picture that was written. */
export interface Picture {
  /** Name of its file in the folder. */
  readonly file: string;
  readonly title: string;
  /** What the picture cannot say itself. */
  readonly note?: string;
}

interface Planned extends Picture {
  make(): Promise<string | Uint8Array>;
}

/** Images on the map, at most: the library's time grows with them. */
const MAP_POINTS = 2000;
/** Numbers of all their features, at most. */
const MAP_NUMBERS = 2 ** 22;
const SHEET_ROWS = 12;
const SHEET_COLUMNS = 9;

/**
 * Writes what a benchmark has to show: the confusion matrix and accuracies by class, or average
 * precisions where images have several classes; a map of the features; nearest neighbours. A picture for
 * which something is missing is left out. Equal inputs give equal bytes.
 * @returns what was written, in the order of a page
 */
export async function writePictures(options: PictureOptions): Promise<Picture[]> {
  const { folder, stem = '', signal } = options;
  const written: Picture[] = [];
  for (const { file: name, title, note, make } of [...judged(options), ...ofFeatures(options)]) {
    await breath(signal);
    const file = stem + name;
    await writeAtomic(join(folder, file), await make());
    written.push({ file, title, ...(note === undefined ? {} : { note }) });
  }
  return written;
}

/** Pictures of how images were judged. */
function judged({ test, scores, title }: PictureOptions): Planned[] {
  if (scores === undefined) return [];
  const bars = (name: string, values: ClassValues): Planned => ({
    file: 'classes.svg',
    title: name,
    make: () => classBarsSvg(values, test, title),
  });
  if (test.marks !== undefined)
    return [bars('Average precision by class', precisionBars(test.marks, scores, test.count))];
  if (test.labels === undefined) return [];
  const confusion = confusionOf(test.labels, scores);
  const matrix = {
    file: 'confusion.svg',
    title: 'Confusion matrix',
    make: () => confusionSvg(confusion, test, title),
  };
  return [matrix, bars('Accuracy by class', accuracyBars(confusion))];
}

/** Pictures of where images lie. */
function ofFeatures(options: PictureOptions): Planned[] {
  const { test, train } = options;
  if (test.features === undefined || test.features.count === 0) return [];
  const { features } = test;
  const map = {
    file: 'map.svg',
    title: 'Map of the features',
    make: () => mapOf(features, options),
  };
  if (train?.features === undefined || train.source === undefined) return [map];
  if (test.source === undefined || train.features.count < SHEET_COLUMNS) return [map];
  const sheet = {
    file: 'neighbours.png',
    title: 'Nearest training images',
    note: sheetNote(test),
    make: () => sheetOf(options),
  };
  return [map, sheet];
}

async function mapOf(features: LayerFeatures, options: PictureOptions): Promise<string> {
  const { test, seed, title, threads = 0, signal } = options;
  const { width } = features;
  const most = Math.min(MAP_POINTS, Math.floor(MAP_NUMBERS / width));
  const indices = sampled(test.count, most, seed, 'map');
  const rows = await rowsAt(features, indices, signal);
  const plane = await principalPlane(rows, width, seed, signal);
  const near =
    indices.length < FEWEST
      ? undefined
      : await neighbourPlane(rows, width, plane, { seed, threads, signal });
  return featureMapSvg({ indices, plane, neighbours: near }, test, title);
}

async function sheetOf({ test, train, threads = 0, signal }: PictureOptions): Promise<Buffer> {
  if (test.features === undefined || train?.features === undefined)
    throw new Error('pictures: no features');
  const asked = Int32Array.from(shownImages(test, SHEET_ROWS));
  const { width } = test.features;
  const questions = await rowsAt(test.features, asked, signal);
  const search = { k: SHEET_COLUMNS, threads, signal };
  const near = await nearestRows(train.features, inMemory({ features: questions, width }), search);
  const read = async (set: PicturedSet, index: number) => {
    if (set.source === undefined) throw new Error('pictures: no images');
    return set.source.read(index);
  };
  const rows: SheetRow[] = [];
  for (const [r, index] of asked.entries()) {
    await breath(signal);
    const row: SheetRow['near'][number][] = [];
    for (const other of near.indices.subarray(r * near.k, (r + 1) * near.k)) {
      row.push({
        image: await read(train, other),
        same: sameClass(test, index, train, other),
      });
    }
    rows.push({ image: await read(test, index), near: row });
  }
  return png(neighbourSheet(rows));
}

/** Names of the sheet's rows, as it has no text. */
function sheetNote(test: PicturedSet): string {
  const rows = shownImages(test, SHEET_ROWS).map((index) => {
    const names = presentIn(test, index).map((c) => className(test, c));
    return `${names.join(' and ')} (${index})`;
  });
  return (
    `A test image in each row, in grey: ${rows.join(', ')}; in brackets, its place in the set. ` +
    `Then the ${SHEET_COLUMNS} training images of nearest features: green of its class, red of another.`
  );
}
