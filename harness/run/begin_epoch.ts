import type { Batch } from '../data/batch.ts';
import { releaseHostCopies } from '../engine/memory.ts';
import { UserError } from '../errors.ts';
import type { Host } from './host.ts';
import { type HostSetup, LearnerHost } from './learner_host.ts';
import type { Batches } from './run.ts';
import { type EpochSums, NO_SUMS } from './sums.ts';

/** Everything that the beginning of an epoch needs, for whoever runs its steps. */
export interface Beginning extends HostSetup {
  readonly batches: Batches;
  /** From 0. */
  readonly epoch: number;
  /** Steps of the epoch done before. */
  readonly fromStep: number;
  /** Of those; what the method said before the first of them is in here. */
  readonly sums: EpochSums;
}

export interface BegunEpoch {
  /** The rest of the epoch's batches. */
  readonly batches: AsyncIterableIterator<Batch>;
  /** As before, or with what the method said. */
  readonly sums: EpochSums;
  /** For the method's work after each of them. */
  readonly host: Host;
}

/**
 * Begins an epoch, or goes on in the middle of one: the method's work before its first step, then the
 * batches in the order that the method wants.
 * @throws Stopped when the run is told to stop before the method has changed anything.
 */
export async function beginEpoch(beginning: Beginning): Promise<BegunEpoch> {
  const { learner, batches, epoch, fromStep } = beginning;
  const { method } = learner.definition;
  const host = new LearnerHost(beginning);
  let { sums } = beginning;
  if (method.beforeEpoch !== undefined && fromStep === 0 && sums.before === undefined) {
    const said = await method.beforeEpoch(host, { epoch });
    await releaseHostCopies(); // the features of all images, and what was made of them
    for (const [name, value] of Object.entries(said))
      if (!Number.isFinite(value))
        throw new UserError(
          `experiment ${beginning.experiment.name}: ${name} is ${value} before epoch ${epoch + 1}`,
        );
    sums = { ...NO_SUMS, before: Object.entries(said) };
  }
  const samples = await method.order?.(host, { epoch });
  return { batches: batches.epoch(epoch, fromStep, samples), sums, host };
}
