import { join } from 'node:path';
import type { Place } from '../../harness/cluster/place.ts';
import type { Experiment, Methods } from '../../harness/experiment/index.ts';
import { RESTARTED } from '../../harness/launch/launch.ts';
import { exitNow } from '../../harness/run/exit_now.ts';
import { type Interruption, onInterrupt } from '../../harness/run/interrupt.ts';
import {
  checkOptions,
  type TrainOptions,
  type TrainResult,
  train,
} from '../../harness/run/trainer.ts';
import { listCheckpoints } from '../../harness/weights/checkpoint.ts';
import { followRun, joinRun, leaveFor } from './member.ts';
import type { OptionsOf } from './option.ts';
import type { runOptions } from './shared_options.ts';
import { takePart } from './take_part.ts';

type RunOptions = OptionsOf<typeof runOptions>;

/** Where a run writes. */
export function workDirOf({ name }: Experiment, options: Pick<RunOptions, 'work_dir'>): string {
  return options.work_dir ?? join('work_dirs', name);
}

/**
 * Trains until it is finished or somebody presses Ctrl-C; `code` is the exit code. With several processes it starts them
 * and waits for their end, or is one of them. There is no result where it was stopped before the first step, nor in
 * processes that do not write the run's files.
 */
export async function trainInterruptibly(
  experiment: Experiment,
  methods: Methods,
  options: RunOptions & { readonly resume_from: string | undefined },
): Promise<{ readonly result: TrainResult | undefined; readonly code: number }> {
  const { data, pretrained, prefix, workers, states, sequential } = options;
  const workDir = workDirOf(experiment, options);
  const setup: TrainOptions = {
    experiment,
    methods,
    data,
    pretrained,
    prefix,
    workers,
    states,
    sequential,
    workDir,
    resumeFrom: resumeOf(workDir, options.resume_from),
    debugNans: options.debug_nans,
  };
  const part = await takePart(experiment, options, () => checkOptions(setup));
  if (part.kind === 'launched') return { result: undefined, code: part.code };
  const { place, processesHere, threads } = part;
  const say = (text: string) => {
    if (place === undefined || place.rank === 0) process.stderr.write(text);
  };
  if (options.deterministic) say('--deterministic: every run is deterministic; nothing changes\n');
  const interruption = onInterrupt((message) => say(`\n${message}\n`));
  const here = { ...setup, processesHere, threads, signal: interruption.signal };
  try {
    if (place === undefined) return await alone(here, interruption);
    return await among(here, interruption, place);
  } catch (error) {
    const { signal } = interruption;
    if (!signal.aborted || error !== signal.reason) throw error;
    say(BEFORE);
    endSoon(interruption.code());
    return { result: undefined, code: interruption.code() };
  } finally {
    interruption.dispose();
  }
}

interface Trained {
  /** None in processes that do not write the run's files. */
  readonly result: TrainResult | undefined;
  readonly code: number;
}

async function alone(options: TrainOptions, interruption: Interruption): Promise<Trained> {
  const result = await train(options);
  const stopped = !result.finished && interruption.signal.aborted;
  if (stopped) endSoon(interruption.code());
  return { result, code: stopped ? interruption.code() : 0 };
}

/** As one of several processes. The others end when rank 0 says that the run is over. */
async function among(
  options: TrainOptions,
  interruption: Interruption,
  place: Place,
): Promise<Trained> {
  const { experiment, methods } = options;
  const cluster = await joinRun(experiment, place, options, interruption);
  const { group } = cluster;
  if (place.rank > 0) {
    const code = await followRun(experiment, methods, options, cluster);
    endSoon(code);
    return { result: undefined, code };
  }
  const signal = AbortSignal.any([interruption.signal, group.stopAsked]);
  try {
    const result = await train({ ...options, cluster, signal });
    const stopped = !result.finished && signal.aborted;
    const code = stopped ? interruption.code() || SIGTERM : 0;
    await group.end(code);
    if (stopped) endSoon(code);
    return { result, code };
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) return leaveFor(error, group);
    const code = interruption.code() || SIGTERM;
    process.stderr.write(BEFORE);
    await group.end(code);
    endSoon(code);
    return { result: undefined, code };
  }
}

const BEFORE = 'stopped before the first step; the same command begins anew\n';

export const SIGTERM = 143; // what a shell says of it: for a run that another process was asked to end

/** A process that was started again goes on from what the run has saved, whatever it began with. */
function resumeOf(workDir: string, given: string | undefined): string | undefined {
  const restarted = process.env[RESTARTED] !== undefined;
  return restarted && listCheckpoints(workDir).length > 0 ? 'auto' : given;
}

const GRACE_MS = 300; // for what the caller prints

/** Ends the process also where a run of the engine that nobody waits for any more would hold it. */
export function endSoon(code: number): void {
  setTimeout(() => exitNow(code), GRACE_MS).unref();
}
