import { type ChildProcess, spawn } from 'node:child_process';
import type { Place } from '../cluster/place.ts';
import { environmentOf } from '../cluster/place_variable.ts';
import { PARENT } from '../run/started_by.ts';
import { prefixLines } from './prefix_lines.ts';
import { withoutProxy } from './proxies.ts';

/** What the processes of a run are started with. */
export interface RankSetup {
  /** Of each process that is started here. */
  readonly places: readonly Place[];
  /** The program and its arguments, the same for all. */
  readonly command: readonly string[];
  /** More variables for one of them. */
  readonly environment: (place: Place) => Readonly<Record<string, string>>;
  /** All are asked to end once it is aborted. */
  readonly stop: AbortSignal;
  readonly patience: Patience;
}

/** How long what is left may take to end by itself once one has failed, and then after a SIGTERM. */
export interface Patience {
  readonly graceSeconds: number;
  readonly lastSeconds: number;
}

/** How a process ended. */
export interface RankEnd {
  readonly rank: number;
  /** Undefined where a signal ended it, or it was never started. */
  readonly code: number | undefined;
  readonly signal: string | undefined;
  /** Why it could not be started. */
  readonly notStarted: string | undefined;
  /** Whether it was ended from here, because another had failed and it went on. */
  readonly forced: boolean;
}

/** Codes that say a process ended because somebody asked for it: 128 and SIGHUP, SIGINT, SIGTERM. */
const ASKED = [129, 130, 143];

/**
 * Starts the processes of a run and waits until all have ended. The one of rank 0 has this one's input and output; of
 * the others what they write to stderr is passed on with their rank before each line.
 * @returns in the order in which they ended
 */
export async function runRanks(setup: RankSetup): Promise<RankEnd[]> {
  const { places, stop, patience } = setup;
  const alive = new Map<number, ChildProcess>();
  const forced = new Set<number>();
  const ends: RankEnd[] = [];
  const timers: NodeJS.Timeout[] = [];
  const killAll = (signal: NodeJS.Signals) => {
    for (const child of alive.values()) child.kill(signal);
  };
  const force = (signal: NodeJS.Signals) => {
    for (const rank of alive.keys()) forced.add(rank);
    killAll(signal);
  };
  const after = (seconds: number, signal: NodeJS.Signals) => {
    timers.push(setTimeout(force, seconds * 1000, signal));
  };
  const ask = () => killAll('SIGTERM');
  const atExit = () => killAll('SIGKILL');
  process.prependListener('exit', atExit);
  stop.addEventListener('abort', ask);
  const runs = places.map(async (place) => {
    const child = started(place, setup);
    alive.set(place.rank, child);
    const end = await endOf(child);
    alive.delete(place.rank);
    ends.push({ ...end, rank: place.rank, forced: forced.has(place.rank) });
    const rest = place.rank === 0 || !isOrderly(end);
    if (!rest || timers.length > 0) return;
    after(patience.graceSeconds, 'SIGTERM');
    after(patience.graceSeconds + patience.lastSeconds, 'SIGKILL');
  });
  if (stop.aborted) ask();
  await Promise.all(runs);
  for (const timer of timers) clearTimeout(timer);
  stop.removeEventListener('abort', ask);
  process.off('exit', atExit);
  return ends;
}

type End = Omit<RankEnd, 'rank' | 'forced'>;

/** Whether a process ended as it does when all is over: its last word is with rank 0, which may have more to do. */
function isOrderly({ code }: End): boolean {
  return code !== undefined && (code === 0 || ASKED.includes(code));
}

function started(place: Place, { command, environment }: RankSetup): ChildProcess {
  const [file = '', ...words] = command;
  const first = place.rank === 0;
  const child = spawn(file, words, {
    stdio: first ? 'inherit' : ['ignore', 'ignore', 'pipe'],
    env: {
      ...process.env,
      ...environment(place),
      ...withoutProxy(place, process.env),
      ...environmentOf(place),
      [PARENT]: String(process.pid),
    },
  });
  const pass = (text: string) => process.stderr.write(text);
  if (child.stderr) prefixLines(child.stderr, `[rank ${place.rank}] `, pass);
  return child;
}

const DRAIN_MS = 500; // what it wrote last, also where a process of its own still has the pipe

function endOf(child: ChildProcess): Promise<End> {
  return new Promise((resolve) => {
    child.once('error', ({ message }) => {
      if (child.pid !== undefined) return;
      resolve({ code: undefined, signal: undefined, notStarted: message });
    });
    child.once('exit', (code, signal) => {
      const end = {
        code: code ?? undefined,
        signal: signal ?? undefined,
        notStarted: undefined,
      };
      const late = setTimeout(() => resolve(end), DRAIN_MS);
      child.once('close', () => {
        clearTimeout(late);
        resolve(end);
      });
    });
  });
}
