import { always, UserError } from '../base/index.ts';
import type { Batch } from '../data/loader/batch.ts';
import type { Experiment, Metrics } from '../experiment/index.ts';
import type { RunLog, StepEntry } from '../log/log.ts';
import { momentumOf } from '../optim/spec.ts';
import { type EpochSums, withStep } from '../record/sums.ts';
import type { StepPlan } from '../step/plan.ts';
import { takeStep } from '../step/take_step.ts';
import type { BegunEpoch } from './begin_epoch.ts';
import type { Training } from './open_training.ts';
import { unread } from './unread.ts';

/** What the steps of an epoch need. */
export interface EpochSetup {
  readonly training: Training;
  readonly begun: BegunEpoch;
  readonly log: Pick<RunLog, 'startEpoch' | 'dataReady' | 'stepDone' | 'step'>;
  /** From 0. */
  readonly epoch: number;
  /** Steps of the epoch done before. */
  readonly fromStep: number;
  readonly signal?: AbortSignal | undefined;
  /** Saves the state inside the epoch; nothing runs meanwhile. */
  readonly save: (epochStep: number, sums: EpochSums) => Promise<void>;
  /** Called after every step, by the number of steps since the start; nothing runs meanwhile. */
  readonly afterStep?: ((step: number) => Promise<void>) | undefined;
}

export interface EpochOutcome {
  /** Steps of the epoch done now; fewer than all when it was interrupted. */
  readonly epochStep: number;
  readonly sums: EpochSums;
}

/**
 * Runs the steps of an epoch, or the rest of one. While a step runs in TensorFlow, the next batch is
 * prepared and the step before is written down. A run that is told to stop takes the first step of an
 * epoch all the same once the method has done its work before it.
 * @throws UserError when a value of a step is not finite.
 * @throws Unread when an image cannot be read, once the steps before it are done.
 */
export async function runEpoch(setup: EpochSetup): Promise<EpochOutcome> {
  const { training, begun, log, epoch, signal } = setup;
  const { experiment, learner, stepsPerEpoch } = training;
  const { batches, host } = begun;
  let { fromStep: done } = setup;
  let { sums } = begun;
  // A checkpoint saved before the first step would look like the end of the epoch before.
  const least = sums.before === undefined ? 0 : 1;
  let unwritten = () => {};
  // Taken out before it is called: a line that fails half-way is not written a second time.
  const write = () => {
    const now = unwritten;
    unwritten = () => {};
    now();
  };
  let next = ahead(batches);
  let running: Promise<unknown> = Promise.resolve();
  log.startEpoch();
  const steps = async () => {
    while (done < stepsPerEpoch && (done < least || signal?.aborted !== true)) {
      const { value: batch } = await next.catch(unread({ epoch, epochStep: done, sums }));
      if (batch === undefined) throw new Error(`epoch ${epoch}: no batch for step ${done}`);
      log.dataReady();
      const plan = training.plan(epoch * stepsPerEpoch + done);
      const taken = takeStep(learner, host, batch, plan, { epoch, epochStep: done });
      running = taken.catch(() => undefined); // its failure is reported where it is awaited
      done++;
      if (done < stepsPerEpoch) next = ahead(batches);
      write();
      const metrics = finite(experiment, await taken, { ...plan, epoch, done });
      const times = log.stepDone();
      const images = batch.indices.length;
      sums = withStep(sums, metrics, images);
      const entry = entryOf(experiment, plan, images, learner.inPercent(metrics));
      unwritten = () => log.step(entry, times);
      await setup.afterStep?.(plan.step + 1);
      if (savesAt(experiment, done, stepsPerEpoch)) {
        write();
        await setup.save(done, sums);
        log.startEpoch();
      }
    }
  };
  const settled = [() => running, () => next.catch(() => undefined), () => batches.return?.()];
  await always(steps, write, ...settled);
  return { epochStep: done, sums };
}

function entryOf(
  experiment: Experiment,
  plan: StepPlan,
  images: number,
  metrics: Metrics,
): StepEntry {
  const momentum = momentumOf(experiment.optimizer);
  return { step: plan.step + 1, lr: plan.rate, momentum, images, metrics };
}

/** Asks for the next batch. A failure is reported where it is awaited, not before. */
function ahead(batches: AsyncIterator<Batch>): Promise<IteratorResult<Batch, undefined>> {
  const next = batches.next();
  next.catch(() => undefined);
  return next;
}

function savesAt({ checkpoint }: Experiment, done: number, stepsPerEpoch: number): boolean {
  const { everySteps } = checkpoint;
  return everySteps > 0 && done % everySteps === 0 && done < stepsPerEpoch;
}

function finite(
  experiment: Experiment,
  metrics: Metrics,
  { step, rate, epoch, done }: StepPlan & { readonly epoch: number; readonly done: number },
): Metrics {
  const bad = Object.entries(metrics).find(([, value]) => !Number.isFinite(value));
  if (bad === undefined) return metrics;
  const [name, value] = bad;
  throw new UserError(
    `experiment ${experiment.name}: ${name} is ${value} at step ${step + 1} (epoch ${epoch + 1}, ` +
      `step ${done} of it, learning rate ${rate}); a lower optimizer.lr or a longer warm-up may help. ` +
      'To see which operation made it, run again with --resume_from auto --debug_nans',
  );
}
