import { UserError } from '../base/index.ts';
import type { Named } from '../data/classes.ts';
import { type OrderedSetup, orderedImages } from '../data/loader/ordered_images.ts';
import { openSource } from '../data/open_source.ts';
import type { Source } from '../data/source.ts';
import { sourceWarnings } from '../data/source_warnings.ts';
import { hashingProgress } from '../log/hashing.ts';
import type { Piece } from '../step/feature_pass.ts';
import type { TurnGroup } from '../step/turns.ts';

/** Images whose classes are known, brought to one size. */
interface KnownImages extends Named {
  readonly count: number;
  readonly sha256: string;
  readonly warnings: readonly string[];
  readonly source: Source;
  describe(index: number): string;
  /** All images, or those that fall to this process of the group. */
  images(): AsyncIterable<Piece>;
  /** Processes that take turns at its images. */
  readonly group?: TurnGroup | undefined;
}

/** How images are opened, and who takes turns at them. */
export interface ImageSetup extends OrderedSetup {
  readonly group?: TurnGroup | undefined;
}

/** Images of one label each. Labels of two sets meet only after `sameClasses`. */
export interface ImageSet extends KnownImages {
  readonly labels: Int32Array;
  readonly marks?: undefined;
}

/** Images that may have several classes each. */
export interface MarkedSet extends KnownImages {
  readonly labels?: undefined;
  /** As of `Source`. */
  readonly marks: Int8Array;
  readonly classes: readonly string[];
}

/**
 * Opens the images of an evaluation.
 * @param path of the source in the experiment, for messages, e.g. `evaluation.train`
 * @throws UserError when they have no labels, or several each.
 */
export async function openImageSet(options: ImageSetup, path: string): Promise<ImageSet> {
  const set = await openKnownImages(options, path);
  if (set.marks === undefined) return set;
  throw new UserError(
    `${path}: its ${set.count} images may have several classes each, expected one label an image; name another source`,
  );
}

/**
 * Opens images that have labels or marks: which of the two decides what the set is.
 * @param path as of `openImageSet`
 * @throws UserError when they have neither.
 */
export async function openKnownImages(
  options: ImageSetup,
  path: string,
): Promise<ImageSet | MarkedSet> {
  const { spec, data, signal, group } = options;
  const source = await openSource(spec, { data, onProgress: hashingProgress(path), signal });
  const { count, labels, marks, classes, manifest } = source;
  if (source.unlabelled !== undefined)
    throw new UserError(`${path}: ${source.unlabelled}, but an evaluation needs labels`);
  const known = {
    path,
    source,
    count,
    sha256: manifest.sha256,
    warnings: sourceWarnings(path, source),
    describe: (index: number) => source.describe(index),
    images: () => orderedImages({ ...options, source }),
    group,
  };
  if (marks !== undefined && classes !== undefined) return { ...known, marks, classes };
  if (labels === undefined)
    throw new UserError(
      `${path}: its ${count} images have no labels, which an evaluation needs; name a source with ` +
        'classes, e.g. one folder a class, or a list file with labelled: true',
    );
  return { ...known, labels };
}

/** The same images, which stay in memory once all of them have been read. */
export function kept<Set extends ImageSet | MarkedSet>(set: Set): Set {
  let pieces: readonly Piece[] | undefined;
  return {
    ...set,
    async *images() {
      if (pieces !== undefined) {
        yield* pieces;
        return;
      }
      const seen: Piece[] = [];
      for await (const piece of set.images()) {
        const { count, first } = piece;
        seen.push({ count, first, images: piece.images.slice() });
        yield piece;
      }
      pieces = seen;
    },
  };
}

/** Bytes of some images of a side, in pixels. */
export function imageBytes(counts: readonly number[], size: number): number {
  return counts.reduce((sum, count) => sum + count, 0) * size * size * 3;
}
