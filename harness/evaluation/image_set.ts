import { UserError } from '../base/index.ts';
import { type OrderedSetup, orderedImages } from '../data/loader/loader.ts';
import { openSource } from '../data/open_source.ts';
import type { Source } from '../data/source.ts';
import { hashingProgress } from '../log/hashing.ts';

/** Some images in order. */
export interface Piece {
  /** uint8 [count, size, size, 3]; valid until the next piece is asked for. */
  readonly images: Uint8Array;
  readonly count: number;
  /** Index of the first image. */
  readonly first: number;
}

/** Labelled images, brought to one size. */
export interface ImageSet {
  readonly count: number;
  readonly labels: Int32Array;
  readonly classes?: readonly string[];
  readonly sha256: string;
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
  const { spec, data } = options;
  const source = await openSource(spec, { data, onProgress: hashingProgress(path) });
  const { count, labels, classes, manifest } = source;
  if (labels === undefined)
    throw new UserError(
      `${path}: its ${count} images have no labels, which an evaluation needs; name a source with ` +
        'classes, e.g. one folder a class, or a list file with labelled: true',
    );
  return {
    count,
    labels,
    sha256: manifest.sha256,
    source,
    ...(classes === undefined ? {} : { classes }),
    describe: (index) => source.describe(index),
    images: () => orderedImages(options),
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

/**
 * Checks that what is judged has the classes of the reference.
 * @throws UserError naming the first class that differs, or the first label without reference.
 */
export function checkClasses(
  train: Pick<Source, 'labels' | 'classes'>,
  test: Pick<Source, 'labels' | 'classes'>,
): void {
  if (train.classes !== undefined && test.classes !== undefined) {
    const [a, b] = [train.classes, test.classes];
    const at = Array.from({ length: Math.max(a.length, b.length) }, (_, i) => i);
    const apart = at.find((i) => a[i] !== b[i]);
    if (apart === undefined) return;
    throw new UserError(
      `evaluation.test: class ${apart} is ${name(b[apart])}, in evaluation.train it is ` +
        `${name(a[apart])} (${b.length} and ${a.length} classes); both must have the same classes`,
    );
  }
  const known = new Set(train.labels);
  const stranger = [...(test.labels ?? [])].find((label) => !known.has(label));
  if (stranger !== undefined)
    throw new UserError(
      `evaluation.test: label ${stranger} does not occur in evaluation.train, whose labels are ` +
        `${[...known]
          .sort((a, b) => a - b)
          .slice(0, 20)
          .join(', ')}; both must have the same classes`,
    );
}

function name(value: string | undefined): string {
  return value === undefined ? 'missing' : `"${value}"`;
}

/** Bytes of some images of a side, in pixels. */
export function imageBytes(counts: readonly number[], size: number): number {
  return counts.reduce((sum, count) => sum + count, 0) * size * size * 3;
}
