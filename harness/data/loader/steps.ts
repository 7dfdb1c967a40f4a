import { epochOrder, type OrderSetup, stepIndices } from './order.ts';
import type { Request } from './prefetch.ts';

/** Replicas that are neighbours. */
export interface ReplicaBlock {
  readonly first: number;
  readonly count: number;
}

export interface StepsSetup extends OrderSetup {
  /** Images of the source. */
  readonly count: number;
  readonly stepsPerEpoch: number;
  /** The replicas whose images are asked for. */
  readonly own: ReplicaBlock;
}

/** A place in a training, both from 0. */
export interface StepPlace {
  readonly epoch: number;
  readonly step: number;
}

/** The samples of one step: `order` has those of the own replicas, `indices` those of all. */
export interface StepRequest extends Request, StepPlace {
  readonly indices: Int32Array;
}

/** Which samples each step takes, over the borders of epochs. */
export class Steps implements Iterator<StepRequest> {
  /** The first epoch that is not asked for, for now. */
  until: number;
  private readonly setup: StepsSetup;
  private place: StepPlace;
  private order: Int32Array;

  /** @param samples of the first epoch, instead of those that are drawn */
  constructor(setup: StepsSetup, place: StepPlace, until: number, samples?: Int32Array) {
    this.setup = setup;
    this.place = place;
    this.until = until;
    this.order = epochOrder(setup, setup.count, place.epoch, samples);
  }

  next(): IteratorResult<StepRequest, undefined> {
    const { setup } = this;
    if (this.place.step >= setup.stepsPerEpoch) {
      const epoch = this.place.epoch + 1;
      if (epoch >= this.until) return { done: true, value: undefined };
      this.order = epochOrder(setup, setup.count, epoch);
      this.place = { epoch, step: 0 };
    }
    const { epoch, step } = this.place;
    this.place = { epoch, step: step + 1 };
    const indices = stepIndices(setup, this.order, step);
    const order = { epoch, indices: ownPart(setup, indices) };
    return { done: false, value: { epoch, step, indices, order } };
  }
}

/** Of the samples of all replicas, those of the own. */
function ownPart({ replicas, own }: StepsSetup, indices: Int32Array): Int32Array {
  const each = indices.length / replicas;
  return indices.subarray(own.first * each, (own.first + own.count) * each);
}
