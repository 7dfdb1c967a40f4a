import { UserError } from '../../harness/base/index.ts';
import type { BoundTrained } from '../../harness/benchmark/definition.ts';
import type { BenchmarkOptions } from '../../harness/benchmark/options.ts';
import type { Experiment } from '../../harness/experiment/index.ts';
import type { Interruption } from '../../harness/run/interrupt.ts';
import { followRun, joinRun, leaveFor } from './member.ts';
import type { OptionsOf } from './option.ts';
import type { processOptions } from './shared_options.ts';
import { takePart } from './take_part.ts';
import { endSoon, SIGTERM } from './train.ts';

type Options = OptionsOf<typeof processOptions> & {
  readonly data: string;
  readonly workers: number | undefined;
  readonly threads: number | undefined;
};

/** What one process of several adds to a benchmark's options. */
export type Shared = Pick<BenchmarkOptions, 'cluster' | 'processesHere' | 'threads' | 'signal'>;

/** Whether a command line asks for several processes. */
export function isShared({ processes, hosts }: Pick<Options, 'processes' | 'hosts'>): boolean {
  return hosts !== undefined || (processes !== undefined && processes > 1);
}

/**
 * Runs the one training of a protocol by several processes: starts them and waits, or is one of them. The first runs
 * the benchmark, the others its training alone.
 * @param run the benchmark, in the process that writes its files; gives the exit code
 * @returns the exit code
 * @throws UserError where the protocol has a grid of trainings, or processes cannot share the replicas
 */
export async function inShares(
  cells: ReadonlyMap<string, Experiment>,
  { method }: BoundTrained,
  options: Options,
  interruption: Interruption,
  run: (shared: Shared) => Promise<number>,
): Promise<number> {
  const [experiment, ...others] = cells.values();
  if (experiment === undefined || others.length > 0)
    throw new UserError(
      `--processes: they share one training, and this protocol has ${cells.size}; choose one with --cells`,
    );
  const part = await takePart(experiment, options, () => undefined);
  if (part.kind === 'launched') return part.code;
  const { place, processesHere, threads } = part;
  const here = { ...options, processesHere, threads };
  if (place === undefined) return run({ processesHere, threads });
  const cluster = await joinRun(experiment, place, here, interruption);
  const { group } = cluster;
  if (place.rank > 0) {
    const methods = { [method.kind]: method };
    const code = await followRun(experiment, methods, here, cluster);
    endSoon(code);
    return code;
  }
  const signal = AbortSignal.any([interruption.signal, group.stopAsked]);
  try {
    const code = await run({ cluster, processesHere, threads, signal });
    const ended = signal.aborted ? code || interruption.code() || SIGTERM : code;
    await group.end(ended);
    if (signal.aborted) endSoon(ended);
    return ended;
  } catch (error) {
    return leaveFor(error, group);
  }
}
