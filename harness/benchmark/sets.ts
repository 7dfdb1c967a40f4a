import { sameClasses } from '../data/classes.ts';
import { classNames } from '../data/label_counts.ts';
import { type ImageSet, type MarkedSet, openKnownImages } from '../evaluation/image_set.ts';
import type { BenchSet, ImageUse } from './definition.ts';

export interface SetsSetup {
  /** The folder that paths of data sources start from. */
  readonly data: string;
  /** Images at a time. */
  readonly batch: number;
  readonly workers?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The images of a protocol, open. */
export interface OpenSets {
  readonly images: Readonly<Record<string, ImageSet | MarkedSet>>;
  readonly bench: Readonly<Record<string, BenchSet>>;
}

/**
 * Opens the images of a protocol and compares their classes.
 * @throws UserError where a source cannot be opened, has no labels, or has other classes than the first.
 */
export async function openSets(
  uses: Readonly<Record<string, ImageUse>>,
  { data, batch, workers, signal }: SetsSetup,
): Promise<OpenSets> {
  const images: [string, ImageSet | MarkedSet][] = [];
  for (const [use, { source: spec, pipeline, size }] of Object.entries(uses)) {
    const threads = workers === undefined ? {} : { workers };
    const setup = { spec, data, pipeline, size, batch, signal, ...threads };
    images.push([use, await openKnownImages(setup, `benchmark.data.${use}`)]);
  }
  const [first, ...others] = images;
  for (const [, set] of others) if (first !== undefined) sameClasses(first[1], set);
  return {
    images: Object.fromEntries(images),
    bench: Object.fromEntries(images.map(([use, set]) => [use, benchSet(set)] as const)),
  };
}

function benchSet(set: ImageSet | MarkedSet): BenchSet {
  const { path, source, count, labels, marks, describe } = set;
  return { count, labels, marks, classes: classNames(path, source), describe };
}
