import { UserError } from '../../harness/base/index.ts';
import { type Failure, failureText } from '../../harness/cluster/failure.ts';
import type { Group } from '../../harness/cluster/group.ts';
import type { Place } from '../../harness/cluster/place.ts';
import { EngineError } from '../../harness/engine/native/native.ts';
import type { Experiment, Methods } from '../../harness/experiment/index.ts';
import { PEER_LOST } from '../../harness/launch/outcome.ts';
import { type Cluster, joinCluster } from '../../harness/run/cluster.ts';
import { exitNow } from '../../harness/run/exit_now.ts';
import { follow } from '../../harness/run/follow.ts';
import type { Interruption } from '../../harness/run/interrupt.ts';
import { goOn, Unread } from '../../harness/run/unread.ts';

export interface MemberOptions {
  readonly data: string;
  readonly workers?: number | undefined;
  readonly threads?: number | undefined;
  readonly debugNans?: boolean | undefined;
}

/**
 * Takes this process's place in a run. Once another process is lost, this one says so and ends: TensorFlow's collectives
 * wait for it for ever, and after an error no further one works in this process.
 */
export function joinRun(
  experiment: Experiment,
  place: Place,
  { threads }: MemberOptions,
  interruption: Interruption,
): Promise<Cluster> {
  let connected = false;
  const onFailure = (failure: Failure) => {
    // Told to stop as this one was, another process only was the faster one.
    if (!connected && interruption.signal.aborted) exitNow(interruption.code());
    process.stderr.write(`${failureText(failure)}\n`);
    exitNow(PEER_LOST);
  };
  const joined = joinCluster(experiment, place, {
    threads,
    onFailure,
    signal: interruption.signal,
  });
  return joined.then((cluster) => {
    connected = true;
    interruption.signal.addEventListener('abort', () => cluster.group.askToStop());
    if (interruption.signal.aborted) cluster.group.askToStop();
    return cluster;
  });
}

/** Takes part as a process other than the first, to the end of the run. @returns the run's exit code */
export async function followRun(
  experiment: Experiment,
  methods: Methods,
  options: MemberOptions,
  cluster: Cluster,
): Promise<number> {
  const { group } = cluster;
  const followed = follow({ ...options, experiment, methods, cluster }).then(() => group.ended);
  try {
    // Rank 0 may end first, on a signal: then a step of this process waits for it, and always would.
    return await Promise.race([followed, group.ended]);
  } catch (error) {
    return leaveFor(error, group);
  }
}

/** TF_Code of what a step says of a connection that broke: CANCELLED, UNKNOWN, DEADLINE_EXCEEDED, ABORTED, UNAVAILABLE. */
const BROKEN: ReadonlySet<number> = new Set([1, 2, 4, 10, 14]);
const SOON_MS = 3000;
/** For rank 0 to finish its step and save. */
const SAVED_MS = 60_000;

/**
 * Leaves the run for an error. Where TensorFlow lost a connection, another process is the cause: the group says within a
 * moment which, and ends this one as lost; else this one is, and a later try may succeed. For an error of its own
 * the others are told.
 */
export async function leaveFor(error: unknown, group: Group): Promise<never> {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof EngineError && BROKEN.has(error.code)) {
    await pause(SOON_MS);
    process.stderr.write(`the connection to the other processes broke: ${message}\n`);
    exitNow(PEER_LOST);
  }
  if (error instanceof Unread) {
    // Rank 0 was asked to stop before it came to a step without this process; where it could not, it hears why now.
    await Promise.race([group.ended, pause(SAVED_MS)]);
    await group.fail(message);
    throw new UserError(`${message}\n${goOn('DIR')}`, { cause: error });
  }
  await group.fail(message);
  throw error;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, milliseconds));
}
