import { z } from 'zod';
import { stream } from '../../random/stream.ts';
import { type PictureChange, sizeFor } from './change_objects.ts';

const edge = z.int().positive();

/** How pictures of training are changed, detectron2's `ResizeShortestEdge` and `RandomFlip`. */
export const PictureDraws = z
  .strictObject({
    /** Short sides, each as likely. */
    shortEdges: z.array(edge).min(1).readonly(),
    /** Of the long side. */
    longestEdge: edge.default(1333),
    flip: z.number().min(0).max(1).default(0.5),
  })
  .readonly();
export type PictureDraws = z.infer<typeof PictureDraws>;

/**
 * What becomes of a picture.
 * @param place of the picture in the endless order of training: another time it is drawn anew
 */
export function drawChange(
  { shortEdges, longestEdge, flip }: PictureDraws,
  size: { readonly width: number; readonly height: number },
  seed: number,
  place: number,
): PictureChange {
  const draws = stream(seed, 'objects augment', place);
  const short = shortEdges[draws.int(0, shortEdges.length - 1)] ?? 0;
  const { width, height } = size;
  return { width, height, ...sizeFor(size, short, longestEdge), flip: draws.uniform() < flip };
}

/** What becomes of a picture when a detector is judged: a size, and no more. */
export function fixedChange(
  size: { readonly width: number; readonly height: number },
  short: number,
  longest: number,
): PictureChange {
  const { width, height } = size;
  return { width, height, ...sizeFor(size, short, longest), flip: false };
}
