import { benchmarks } from '../../benchmarks/index.ts';
import { runBenchmark } from '../../harness/benchmark/run.ts';
import type { RunRecord } from '../../harness/record/record.ts';
import { Interrupted } from '../../harness/run/interrupt.ts';
import { train } from '../../harness/run/trainer.ts';
import { methods } from '../../methods/index.ts';
import type { Subject } from '../command/subject.ts';
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
 * Runs with every initial weight moved, or goes on with what is there.
 * @throws Interrupted when it was told to stop
 */
export async function trainPerturbed(
  subject: Subject,
  { data, perturbation, work_dir, stop_after, workers, threads }: PerturbedOptions,
): Promise<RunRecord> {
  const workDir = work_dir ?? `work_dirs/perturbed_${perturbation}/${subject.experiment.name}`;
  return untilInterrupted('stopping after this step and saving', async (signal) => {
    const terminal = process.stderr;
    const common = { data, perturbation, workDir, workers, threads, signal, terminal };
    const request = { ...common, resumeFrom: 'auto' };
    const { record, finished } =
      subject.way === 'benchmark'
        ? await runBenchmark({ ...request, ...subject, benchmarks, stopAfterUnit: stop_after })
        : await train({ ...request, ...subject, methods, stopAfterEpoch: stop_after });
    if (signal.aborted && !finished)
      throw new Interrupted('stopped; the same command goes on from here');
    return record;
  });
}
