import type { Experiment, Methods } from '../experiment/index.ts';
import type { Terminal } from '../log/progress.ts';
import type { RunRecord } from '../record/record.ts';
import { train } from '../run/trainer.ts';
import { type Verification, verifyEpoch } from './verify.ts';

/** What a golden is of: an experiment that can be run, whatever is done in it. */
export interface Pinnable {
  readonly experiment: { readonly name: string };
  /** Entries of a whole run after the one of its start: epochs, or units of a benchmark. */
  readonly epochs: number;
  /** Percent that one image is, where the entries are too few to show by what steps numbers move. */
  readonly resolution?: number | undefined;
  /** Runs it, or goes on with what is there. */
  run(request: {
    readonly workDir: string;
    readonly stopAfterEpoch: number;
    readonly signal?: AbortSignal | undefined;
    readonly terminal: Terminal;
  }): Promise<RunRecord>;
  /** Runs the first epoch of a run again: it must be of this code and machine. */
  verifyFirst(workDir: string, signal?: AbortSignal): Promise<Verification>;
}

/** A training. @param data folder of data */
export function trainingRuns(experiment: Experiment, methods: Methods, data: string): Pinnable {
  return {
    experiment,
    epochs: experiment.epochs,
    run: async (request) =>
      (await train({ ...request, experiment, methods, data, resumeFrom: 'auto' })).record,
    verifyFirst: (workDir, signal) => verifyEpoch({ workDir, methods, data, epoch: 1, signal }),
  };
}
