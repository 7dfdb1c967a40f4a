import { setImmediate } from 'node:timers/promises';
import { Canvas } from '../images/canvas.ts';
import { type Batch, type Batches, ofReplica, type SizedInputs } from '../loader/batch.ts';
import type { ReplicaBlock } from '../loader/steps.ts';
import { type BatchSetup, batchesOf, type ObjectBatch } from './batches.ts';
import type { PictureDraws } from './draw_change.ts';
import { type TrainingPicture, trainingPicture } from './object_pictures.ts';
import { type ObjectSource, trainable } from './objects.ts';

export interface ObjectBatchesSetup extends BatchSetup {
  readonly source: ObjectSource;
  readonly draws: PictureDraws;
  /** The replicas whose pictures this process reads; all unless given. */
  readonly own?: ReplicaBlock | undefined;
  /** Steps of an epoch: the order of pictures itself has no end. */
  readonly stepsPerEpoch: number;
  /** What a replica's step is fed with, of its pictures. */
  readonly feed: (pictures: readonly TrainingPicture[]) => SizedInputs;
}

/**
 * The batches of a detector's training: an endless order of pictures, of which an epoch is so many steps. A batch follows
 * from the number of its step over all epochs alone, whichever step an epoch begins with, and whichever replicas are here.
 */
export class ObjectBatches implements Batches {
  readonly source: ObjectSource;
  readonly stepsPerEpoch: number;
  private readonly setup: ObjectBatchesSetup;
  private readonly pictures: Int32Array;
  private readonly canvas = new Canvas();

  constructor(setup: ObjectBatchesSetup) {
    this.setup = setup;
    this.source = setup.source;
    this.stepsPerEpoch = setup.stepsPerEpoch;
    this.pictures = trainable(setup.source);
  }

  /**
   * The batch after the one that is given out is made meanwhile: while a step computes, this thread has nothing else to do.
   * @throws ImageError that names the picture, for one that cannot be read
   */
  async *epoch(epoch: number, fromStep = 0): AsyncIterableIterator<Batch> {
    let ahead: Promise<Batch> | undefined;
    for (const all of this.steps(epoch, fromStep)) {
      const ready = await ahead;
      ahead = this.made(all, ready !== undefined);
      // Whoever asks for it is told; without this an epoch that is left early would end the process.
      ahead.catch(() => undefined);
      if (ready !== undefined) yield ready;
    }
    if (ahead !== undefined) yield await ahead;
  }

  /** @param later than what waits now, such as a step that is about to begin */
  private async made(all: readonly ObjectBatch[], later: boolean): Promise<Batch> {
    if (later) await setImmediate();
    const { replicas, own = { first: 0, count: replicas }, feed } = this.setup;
    let fed: SizedInputs = { inputs: {}, sizes: {} };
    for (const [i, batch] of all.slice(own.first, own.first + own.count).entries()) {
      const { inputs, sizes } = ofReplica(own.first + i, feed(await this.read(batch)));
      fed = { inputs: { ...fed.inputs, ...inputs }, sizes: { ...fed.sizes, ...sizes } };
    }
    return { ...bareBatch(all), ...fed };
  }

  *bare(epoch: number, fromStep = 0): Iterable<Batch> {
    for (const all of this.steps(epoch, fromStep)) yield bareBatch(all);
  }

  dispose(): Promise<void> {
    return Promise.resolve();
  }

  /** What the replicas take in each step of the rest of an epoch. */
  private *steps(epoch: number, fromStep: number): Generator<readonly ObjectBatch[]> {
    const { source, stepsPerEpoch, setup } = this;
    const isWide = (index: number) => {
      const { width, height } = source.image(index);
      return width > height;
    };
    const from = epoch * stepsPerEpoch + fromStep;
    const each = Array.from({ length: setup.replicas }, (_, replica) =>
      batchesOf(this.pictures, isWide, setup, replica, from),
    );
    for (let step = fromStep; step < stepsPerEpoch; step++)
      yield each.map((batches) => batches.next().value);
  }

  private async read({ indices, places }: ObjectBatch): Promise<TrainingPicture[]> {
    const { source, draws, seed } = this.setup;
    const made: TrainingPicture[] = [];
    for (const [i, index] of indices.entries())
      made.push(
        await trainingPicture(source, this.canvas, draws, { seed, index, place: places[i] ?? 0 }),
      );
    return made;
  }
}

function bareBatch(all: readonly ObjectBatch[]): Batch {
  return {
    views: [],
    draws: {},
    indices: Int32Array.from(all.flatMap(({ indices }) => [...indices])),
  };
}
