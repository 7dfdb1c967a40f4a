import { join } from 'node:path';
import { experimentOptions } from './experiment.mjs';
import { load } from './load.mjs';

/** Options of every command that trains. */
export const runOptions = {
  data: {
    kind: 'text',
    value: 'DIR',
    help: 'folder that data sources start from',
    default: 'data',
  },
  work_dir: { kind: 'text', value: 'DIR', help: 'outputs (default: work_dirs/EXPERIMENT)' },
  ...experimentOptions,
  pretrained: { kind: 'text', value: 'FILE', help: 'weights to begin with, safetensors' },
  workers: { kind: 'int', value: 'N', min: 0, help: 'threads that prepare data' },
  threads: { kind: 'int', value: 'N', min: 1, help: 'threads that compute (default: all cores)' },
  processes: { kind: 'int', value: 'N', min: 1, default: 1, help: 'processes that train: 1' },
  port: { kind: 'int', value: 'N', min: 1, help: 'of no effect with one process' },
  deterministic: { kind: 'flag', help: 'of no effect: every run is deterministic' },
  states: { kind: 'flag', help: 'write the hash of every tensor after every step, for compare' },
  debug_nans: { kind: 'flag', help: 'name the operation that makes the first NaN; slower' },
};

/** @throws UserError for more processes than one. */
export async function refuseProcesses({ processes }) {
  if (processes === 1) return;
  const { UserError } = await load('harness/base/errors.ts');
  throw new UserError(
    `--processes ${processes}: a run has one process for now, whatever its replicas; several will ` +
      'come with the same results to the bit. Leave the option out, and use --threads to bound the cores',
  );
}

/** Where a run writes. */
export function workDirOf(experiment, { work_dir }) {
  return work_dir ?? join('work_dirs', experiment.name);
}

/** Trains until it is finished or somebody presses Ctrl-C; `code` is the exit code. */
export async function trainInterruptibly(experiment, methods, options) {
  const { train } = await load('harness/run/trainer.ts');
  const { INTERRUPTED, onInterrupt } = await load('harness/run/interrupt.ts');
  if (options.deterministic)
    process.stderr.write('--deterministic: every run is deterministic; nothing changes\n');
  const { data, pretrained, workers, threads } = options;
  const interruption = onInterrupt((message) => process.stderr.write(`\n${message}\n`));
  try {
    const result = await train({
      experiment,
      methods,
      data,
      pretrained,
      workers,
      threads,
      workDir: workDirOf(experiment, options),
      resumeFrom: options.resume_from,
      debugNans: options.debug_nans,
      states: options.states,
      signal: interruption.signal,
    });
    const stopped = !result.finished && interruption.signal.aborted;
    return { result, code: stopped ? INTERRUPTED : 0 };
  } finally {
    interruption.dispose();
  }
}
