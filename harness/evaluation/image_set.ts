import { UserError } from '../base/index.ts';
import type { Named } from '../data/classes.ts';
import { type OrderedSetup, orderedImages } from '../data/loader/loader.ts';
import { openSource } from '../data/open_source.ts';
import type { Source } from '../data/source.ts';
import { sourceWarnings } from '../data/source_warnings.ts';
import { hashingProgress } from '../log/hashing.ts';

/** Some images in order. */
export interface Piece {
  /** uint8 [count, size, size, 3]; valid until the next piece is asked for. */
  readonly images: Uint8Array;
  readonly count: number;
  /** Index of the first image. */
  readonly first: number;
}

/** Labelled images, brought to one size. Labels of two sets meet only after `sameClasses`. */
export interface ImageSet extends Named {
  readonly count: number;
  readonly labels: Int32Array;
  readonly sha256: string;
  readonly warnings: readonly string[];
  readonly source: Source;
  describe(index: number): string;
  images(): AsyncIterable<Piece>;
}

/**
 * Opens the images of an evaluation.
 * @param path of the source in the experiment, for messages, e.g. `evaluation.train`
 * @throws UserError when they have no labels.
 */
export async function openImageSet(options: OrderedSetup, path: string): Promise<ImageSet> {
  const { spec, data, signal } = options;
  const source = await openSource(spec, { data, onProgress: hashingProgress(path), signal });
  const { count, labels, manifest } = source;
  if (source.unlabelled !== undefined)
    throw new UserError(`${path}: ${source.unlabelled}, but an evaluation needs labels`);
  if (labels === undefined)
    throw new UserError(
      `${path}: its ${count} images have no labels, which an evaluation needs; name a source with ` +
        'classes, e.g. one folder a class, or a list file with labelled: true',
    );
  return {
    path,
    source,
    count,
    labels,
    sha256: manifest.sha256,
    warnings: sourceWarnings(path, source),
    describe: (index) => source.describe(index),
    images: () => orderedImages({ ...options, source }),
  };
}

/** The same images, which stay in memory once all of them have been read. */
export function kept(set: ImageSet): ImageSet {
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
