/** Pictures and their objects as a detector is trained and judged on them, docs/reference/detection.md, section 3. */
import type { Canvas } from '../images/canvas.ts';
import type { Image } from '../images/image.ts';
import { ImageError } from '../loader/image_error.ts';
import { type PictureChange, type TargetObject, targetsOf } from './change_objects.ts';
import { drawChange, fixedChange, type PictureDraws } from './draw_change.ts';
import type { ObjectSource } from './objects.ts';
import { changedPicture } from './picture.ts';

/** A picture as the network takes it. */
export interface NetworkPicture {
  /** Of the source. */
  readonly index: number;
  /** In place of its size before: that is of the source, and of `change`. */
  readonly picture: Image;
  readonly change: PictureChange;
}

export interface TrainingPicture extends NetworkPicture {
  /** Where it is in the endless order: what else is drawn for it is keyed by this. */
  readonly place: number;
  readonly targets: readonly TargetObject[];
}

/**
 * A picture of training, changed as its place in the endless order says.
 * @throws ImageError that names the picture, for one that cannot be read or is not of its size
 */
export async function trainingPicture(
  source: ObjectSource,
  canvas: Canvas,
  draws: PictureDraws,
  { seed, index, place }: { readonly seed: number; readonly index: number; readonly place: number },
): Promise<TrainingPicture> {
  const change = drawChange(draws, source.image(index), seed, place);
  const picture = await networkPicture(source, canvas, index, change);
  return { ...picture, place, targets: targetsOf(source.objects(index), change) };
}

/** A picture of a test: of one short side, not flipped. Throws as `trainingPicture`. */
export function testPicture(
  source: ObjectSource,
  canvas: Canvas,
  index: number,
  { short, longest }: { readonly short: number; readonly longest: number },
): Promise<NetworkPicture> {
  return networkPicture(source, canvas, index, fixedChange(source.image(index), short, longest));
}

async function networkPicture(
  source: ObjectSource,
  canvas: Canvas,
  index: number,
  change: PictureChange,
): Promise<NetworkPicture> {
  try {
    return { index, change, picture: changedPicture(canvas, await source.read(index), change) };
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    const name = source.describe(index);
    throw new ImageError(message.includes(name) ? message : `${name}: ${message}`, { cause });
  }
}
