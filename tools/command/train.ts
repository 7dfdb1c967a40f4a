import { join } from 'node:path';
import { UserError } from '../../harness/base/index.ts';
import type { Experiment, Methods } from '../../harness/experiment/index.ts';
import { exitNow } from '../../harness/run/exit_now.ts';
import { onInterrupt } from '../../harness/run/interrupt.ts';
import { type TrainResult, train } from '../../harness/run/trainer.ts';
import type { OptionsOf } from './option.ts';
import type { runOptions } from './shared_options.ts';

type RunOptions = OptionsOf<typeof runOptions>;

/** @throws UserError for more processes than one. */
export function refuseProcesses({ processes }: Pick<RunOptions, 'processes'>): void {
  if (processes === 1) return;
  throw new UserError(
    `--processes ${processes}: a run has one process for now, whatever its replicas; several will ` +
      'come with the same results to the bit. Leave the option out, and use --threads to bound the cores',
  );
}

/** Where a run writes. */
export function workDirOf({ name }: Experiment, options: Pick<RunOptions, 'work_dir'>): string {
  return options.work_dir ?? join('work_dirs', name);
}

/**
 * Trains until it is finished or somebody presses Ctrl-C; `code` is the exit code. There is no result
 * where it was stopped before the first step.
 */
export async function trainInterruptibly(
  experiment: Experiment,
  methods: Methods,
  options: RunOptions & { readonly resume_from: string | undefined },
): Promise<{ readonly result: TrainResult | undefined; readonly code: number }> {
  if (options.deterministic)
    process.stderr.write('--deterministic: every run is deterministic; nothing changes\n');
  const { data, pretrained, prefix, workers, threads, states, sequential } = options;
  const interruption = onInterrupt((message) => process.stderr.write(`\n${message}\n`));
  try {
    const result = await train({
      experiment,
      methods,
      data,
      pretrained,
      prefix,
      workers,
      threads,
      states,
      sequential,
      workDir: workDirOf(experiment, options),
      resumeFrom: options.resume_from,
      debugNans: options.debug_nans,
      signal: interruption.signal,
    });
    const stopped = !result.finished && interruption.signal.aborted;
    if (stopped) endSoon(interruption.code());
    return { result, code: stopped ? interruption.code() : 0 };
  } catch (error) {
    const { signal } = interruption;
    if (!signal.aborted || error !== signal.reason) throw error;
    process.stderr.write('stopped before the first step; the same command begins anew\n');
    endSoon(interruption.code());
    return { result: undefined, code: interruption.code() };
  } finally {
    interruption.dispose();
  }
}

const GRACE_MS = 300; // for what the caller prints

/** Ends the process also where a run of the engine that nobody waits for any more would hold it. */
function endSoon(code: number): void {
  setTimeout(() => exitNow(code), GRACE_MS).unref();
}
