import { always } from '../base/index.ts';
import type { Batch } from '../data/loader/batch.ts';
import { NO_SUMS } from '../record/sums.ts';
import { Stopped } from '../step/stopped.ts';
import { type Cluster, factsOf } from './cluster.ts';
import { runEpoch } from './epoch.ts';
import {
  type Openers,
  openers,
  openTraining,
  type Training,
  type TrainingSetup,
} from './open_training.ts';

/** Where the process of rank 0 begins, for the others. */
export type SharedStart = {
  /** Epochs that are done. */
  readonly epoch: number;
  /** Steps of the next one that are done. */
  readonly epochStep: number;
  /** Whether the method has done its work before that epoch. */
  readonly begun: boolean;
  /** The epoch that it stops after. */
  readonly last: number;
  /** Whether the state is not that of the seed: it comes from rank 0 then. */
  readonly given: boolean;
  /** Whether the state before the first step is judged. */
  readonly fresh: boolean;
};

const NOWHERE: SharedStart = {
  epoch: 0,
  epochStep: 0,
  begun: false,
  last: 0,
  given: false,
  fresh: false,
};

/** Times and lines are those of rank 0. */
const SILENT = {
  startEpoch: () => undefined,
  dataReady: () => undefined,
  stepDone: () => ({ step: 0, data: 0, write: 0 }) as never,
  step: () => undefined,
};

/**
 * The last thing before the first step: all processes have the same to compute with, meet in TensorFlow, and have
 * the state of rank 0. Their own states are set already.
 * @param start rank 0's counts
 * @throws UserError on every process, which says what differs
 */
export async function shareStart(
  training: Training,
  { group }: Cluster,
  start: SharedStart,
): Promise<SharedStart> {
  await group.compare(factsOf(training.experiment, await training.provenance()));
  const shared = await group.broadcast('start', start);
  await training.learner.meet();
  if (shared.given) await training.learner.shareState();
  return shared;
}

/**
 * Takes part in a run as a process other than the first: computes its replicas and its share of every pass over
 * images, and writes no file. It ends when the run has nothing left to do; where rank 0 ends before, `group.ended` says so.
 * @throws UserError as `openTraining`, for what differs from the other processes, for values that are not finite.
 */
export async function follow(
  setup: TrainingSetup & { readonly cluster: Cluster },
  open: Openers = openers,
): Promise<void> {
  const { experiment, cluster } = setup;
  const training = await openTraining({ ...setup, judged: true }, open);
  await always(
    async () => {
      const { learner, evaluator } = training;
      const judged = async () => (await evaluator?.assist(await learner.save())) ?? true;
      await learner.initialise(experiment.seed);
      const start = await shareStart(training, cluster, NOWHERE);
      if (start.fresh && !(await judged())) return;
      let { epoch, epochStep: fromStep, begun: done } = start;
      for (; epoch < start.last; epoch++) {
        const sums = done ? { ...NO_SUMS, before: [] } : NO_SUMS;
        const begun = await training
          .begin({ epoch, fromStep, sums, until: start.last })
          .catch(unlessTold);
        if (begun === undefined) return;
        const batches = announced(begun.batches, () => cluster.group.askToStop());
        await runEpoch({
          training,
          begun: { ...begun, batches },
          log: SILENT,
          epoch,
          fromStep,
          save: () => Promise.resolve(),
        });
        [fromStep, done] = [0, false];
        await training.settle(epoch + 1);
        if (!(await judged())) return;
      }
      if (start.last >= experiment.epochs) await judged();
    },
    () => training.dispose(),
  );
}

/**
 * Batches whose failure rank 0 hears of at once. They are made ahead, so it is still in a step that can be finished,
 * and saves that, instead of waiting for this process in the next one.
 */
function announced(
  batches: AsyncIterableIterator<Batch>,
  ask: () => void,
): AsyncIterableIterator<Batch> {
  const announced: AsyncIterableIterator<Batch> = {
    next: () => {
      const next = batches.next();
      next.catch(ask);
      return next;
    },
    return: async () => (await batches.return?.()) ?? { done: true, value: undefined },
    [Symbol.asyncIterator]: () => announced,
  };
  return announced;
}

/** Rank 0 knows why work between epochs was broken off: it saves the state, and must not be told of a failure. */
function unlessTold(error: unknown): undefined {
  if (!(error instanceof Stopped)) throw error;
}
