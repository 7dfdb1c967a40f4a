import type { Batch } from '../../harness/data/loader/batch.ts';
import { releaseHostCopies } from '../../harness/engine/native/release.ts';
import type { Experiment } from '../../harness/experiment/index.ts';
import type { Cluster } from '../../harness/run/cluster.ts';
import { openTraining, type Training } from '../../harness/run/open_training.ts';
import { planStep, type StepPlan } from '../../harness/step/plan.ts';
import { methods } from '../../methods/index.ts';
import type { TimedStep } from '../../methods/settings.ts';
import { timedExperiment } from './experiment.ts';
import { noise } from './noise.ts';
import type { Shape } from './shape.ts';
import { type Stopwatch, stopwatch } from './stopwatch.ts';
import { CLASSES, samplesOf } from './timed_steps.ts';

/** A step that is ready to be run again and again, its memories filled. */
export interface OpenStep {
  readonly timed: TimedStep;
  readonly training: Training;
  readonly batches: AsyncIterator<Batch>;
  /** Of what TensorFlow runs. */
  readonly watch: Stopwatch;
  /** What the host decides for a step. */
  plan(step: number): StepPlan;
}

export interface OpenStepOptions {
  /** Steps that will be run. */
  readonly steps: number;
  /** JPEG paths, one a line, of exactly their images; without it every step takes the same noise. */
  readonly list?: string | undefined;
  /** Threads of the loader. */
  readonly workers?: number | undefined;
  /** Each with a batch of the shape's; one unless given. */
  readonly replicas?: number | undefined;
  /** Opens this process's place among those that take the step together. */
  readonly join?: ((experiment: Experiment) => Promise<Cluster>) | undefined;
}

/** Opens a timed step in a shape. */
export async function openStep(
  timed: TimedStep,
  shape: Shape,
  { steps, list, workers, replicas, join }: OpenStepOptions,
): Promise<OpenStep> {
  const experiment = timedExperiment(timed, shape, list, replicas);
  const cluster = await join?.(experiment);
  const noData = { samples: samplesOf(shape.size), classes: CLASSES };
  const watch = stopwatch();
  const training = await openTraining({
    experiment,
    methods,
    data: '/', // lists are named from there
    shape: list === undefined ? noData : undefined,
    threads: shape.threads,
    interThreads: shape.inter,
    workers,
    cluster,
    onRun: watch.hear,
  });
  try {
    await training.learner.meet();
    await training.learner.initialise(experiment.seed);
    await timed.fill?.(training.host(), experiment.method);
    await releaseHostCopies(); // as before the first step of an epoch
  } catch (error) {
    await training.dispose();
    throw error;
  }
  const { method } = training;
  return {
    timed,
    training,
    watch,
    batches:
      list === undefined
        ? noise(experiment, method, cluster?.layout.processes)
        : training.batches.epoch(0),
    plan: (step) => planStep(experiment, method, { step, stepsPerEpoch: steps }),
  };
}
