/** Pictures and their objects as a detector is trained and judged on them, docs/reference/detection.md, section 3. */
import { Canvas } from '../../harness/data/images/canvas.ts';
import type { Image } from '../../harness/data/images/image.ts';
import { type BatchSetup, batchesOf } from '../../harness/data/objects/batches.ts';
import {
  type PictureChange,
  type TargetObject,
  targetsOf,
} from '../../harness/data/objects/change_objects.ts';
import {
  drawChange,
  fixedChange,
  type PictureDraws,
} from '../../harness/data/objects/draw_change.ts';
import { type ObjectSource, trainable } from '../../harness/data/objects/objects.ts';
import { changedPicture } from '../../harness/data/objects/picture.ts';

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
 * The batches of one replica, without an end.
 * @param from the first batch wanted, which is the step that training goes on at
 * @throws UserError for a picture that cannot be read or is not of its size
 */
export async function* trainingBatches(
  source: ObjectSource,
  draws: PictureDraws,
  setup: BatchSetup,
  replica: number,
  from = 0,
): AsyncGenerator<readonly TrainingPicture[], never> {
  const canvas = new Canvas();
  const isWide = (index: number) => {
    const { width, height } = source.image(index);
    return width > height;
  };
  for (const { indices, places } of batchesOf(trainable(source), isWide, setup, replica, from)) {
    const batch: TrainingPicture[] = [];
    for (const [i, index] of indices.entries()) {
      const place = places[i] ?? 0;
      const change = drawChange(draws, source.image(index), setup.seed, place);
      const picture = changedPicture(canvas, await source.read(index), change);
      const targets = targetsOf(source.objects(index), change);
      batch.push({ index, place, picture, change, targets });
    }
    yield batch;
  }
  throw new Error('an endless order has ended');
}

/** All pictures in order, at the size of judging. Throws as `trainingBatches`. */
export async function* testPictures(
  source: ObjectSource,
  short: number,
  longest: number,
): AsyncGenerator<NetworkPicture> {
  const canvas = new Canvas();
  for (let index = 0; index < source.count; index++) {
    const change = fixedChange(source.image(index), short, longest);
    yield { index, change, picture: changedPicture(canvas, await source.read(index), change) };
  }
}
