import type { Experiment, Methods } from '../../harness/experiment/index.ts';
import type { RunRecord } from '../../harness/record/record.ts';
import { Interrupted } from '../../harness/run/interrupt.ts';
import { train } from '../../harness/run/trainer.ts';
import { untilInterrupted } from '../command/until_interrupted.ts';

/** As the command line of scripts/perturbed.mjs has it. */
export interface PerturbedOptions {
  readonly data: string;
  readonly perturbation: number;
  readonly work_dir: string | undefined;
  /** Epoch after which it stops. */
  readonly stop_after: number | undefined;
  readonly workers: number | undefined;
  readonly threads: number | undefined;
}

/**
 * Trains with every initial weight moved, or goes on with what is there.
 * @throws Interrupted when it was told to stop
 */
export async function trainPerturbed(
  experiment: Experiment,
  methods: Methods,
  { data, perturbation, work_dir, stop_after, workers, threads }: PerturbedOptions,
): Promise<RunRecord> {
  const workDir = work_dir ?? `work_dirs/perturbed_${perturbation}/${experiment.name}`;
  return untilInterrupted('stopping after this step and saving', async (signal) => {
    const { record, finished } = await train({
      experiment,
      methods,
      data,
      perturbation,
      workDir,
      resumeFrom: 'auto',
      stopAfterEpoch: stop_after,
      workers,
      threads,
      signal,
      terminal: process.stderr,
    });
    if (signal.aborted && !finished)
      throw new Interrupted('stopped; the same command goes on from here');
    return record;
  });
}
