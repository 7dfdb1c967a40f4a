import { UserError } from '../base/index.ts';
import type { Batch, Batches } from '../data/loader/batch.ts';
import { releaseHostCopies } from '../engine/native/release.ts';
import type { Host } from '../experiment/index.ts';
import { type EpochSums, NO_SUMS } from '../record/sums.ts';
import type { Learner } from '../step/learner.ts';
import type { HostSetup, LearnerHost } from '../step/learner_host.ts';
import { type RowCache, withRows } from './row_cache.ts';

/**
 * The place in an epoch to begin at, and who is told of the method's work before its first step.
 */
export interface EpochStart extends Pick<HostSetup, 'log' | 'signal'> {
  /** From 0. */
  readonly epoch: number;
  /** Steps of the epoch done before. */
  readonly fromStep: number;
  /** Sums over those steps, with what the method reported before the first of them. */
  readonly sums: EpochSums;
  /** The epochs before it are trained next, so that their first batches may be made ahead; default: none. */
  readonly until?: number | undefined;
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
 * @param cache features in place of views, for models that take them
 * @throws Stopped when the run is told to stop before the method has changed anything.
 */
export async function beginEpoch(
  host: LearnerHost,
  { definition }: Learner,
  batches: Batches,
  { epoch, fromStep, sums: before, until = epoch + 1 }: EpochStart,
  cache?: RowCache,
): Promise<BegunEpoch> {
  const { method } = definition;
  let sums = before;
  if (method.beforeEpoch !== undefined && fromStep === 0 && sums.before === undefined) {
    const said = await method.beforeEpoch(host, { epoch });
    await releaseHostCopies(); // the features of all images, and what was made of them
    for (const [name, value] of Object.entries(said))
      if (!Number.isFinite(value))
        throw new UserError(
          `experiment ${host.experiment}: ${name} is ${value} before epoch ${epoch + 1}`,
        );
    sums = { ...NO_SUMS, before: Object.entries(said) };
  }
  const samples = await method.order?.(host, { epoch });
  // Where the method says the order of an epoch, nothing is known of the next one before that begins.
  const known = method.order === undefined ? until : epoch + 1;
  if (cache === undefined)
    return { batches: batches.epoch(epoch, fromStep, samples, known), sums, host };
  const features = await cache.of(host);
  return { batches: withRows(batches.bare(epoch, fromStep, samples), features), sums, host };
}
