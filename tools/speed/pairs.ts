import { type SpeedCase, type TimedRun, timedRun } from '../../reports/speed.ts';
import type { BothSides } from './both_sides.ts';
import type { Case } from './cases.ts';
import { type JsonLine, startTimed, type Turn } from './timed_process.ts';

type Pair = SpeedCase['pairs'][number];
export type Side = keyof Pair;

/** Steps of each side before the first turn that counts. */
const WARMUP = 2;

/** Steps that each side takes when there are so many turns. */
export function stepsOf({ steps }: Case, pairs: number): number {
  return WARMUP + pairs * steps;
}

/** Both sides in processes of their own that take turns, each side first in every other pair. */
export async function turnsInPairs(
  { shape, timed, steps }: Case,
  commands: BothSides,
  pairs: number,
): Promise<Pair[]> {
  const sides = { ours: startTimed(commands.ours), torch: startTimed(commands.torch) };
  try {
    await sides.ours.turn(WARMUP);
    // perf_methods.py runs a step of the reference first.
    await sides.torch.turn(timed.reference ? WARMUP : WARMUP + 1);
    const turns: Record<Side, Turn>[] = [];
    for (let i = 0; i < pairs; i++) {
      const turn = await bothInOrder(i, (side) => sides[side].turn(steps));
      turns.push(turn);
      const [ours, torch] = [turn.ours.step_ms, turn.torch.step_ms].map((ms) => ms.toFixed(1));
      process.stderr.write(`pair ${i + 1}: ${ours} against ${torch} ms\n`);
    }
    const results = { ours: await sides.ours.result(), torch: await sides.torch.result() };
    const runOf = (result: JsonLine, turn: Turn): TimedRun => {
      const images_per_second = (1e3 * shape.batch) / turn.step_ms;
      return timedRun.parse({ ...result, ...turn, images_per_second });
    };
    return turns.map((turn) => ({
      ours: runOf(results.ours, turn.ours),
      torch: runOf(results.torch, turn.torch),
    }));
  } finally {
    for (const side of Object.values(sides)) side.stop();
  }
}

/** Whole runs of a loop, whose loader processes would not wait for a turn. */
export async function runsInPairs(commands: BothSides, pairs: number): Promise<Pair[]> {
  const done: Pair[] = [];
  for (let i = 0; i < pairs; i++) {
    const pair = await bothInOrder(i, async (side) =>
      timedRun.parse(await startTimed(commands[side]).result()),
    );
    const [ours, torch] = [pair.ours.images_per_second, pair.torch.images_per_second];
    process.stderr.write(`pair ${i + 1}: ${ours} against ${torch} images/s\n`);
    done.push(pair);
  }
  return done;
}

/** Runs both sides, each first in every other pair, so that a machine that warms up favours neither. */
export function bothInOrder<T>(
  pair: number,
  run: (side: Side) => Promise<T>,
): Promise<Record<Side, T>> {
  return inOrder(pair, ['ours', 'torch'], run);
}

/** The same of sides of other names. */
export async function inOrder<Name extends string, T>(
  pair: number,
  [first, second]: readonly [Name, Name],
  run: (side: Name) => Promise<T>,
): Promise<Record<Name, T>> {
  const done = new Map<Name, T>();
  for (const side of pair % 2 === 0 ? [first, second] : [second, first])
    done.set(side, await run(side));
  return Object.fromEntries(done) as Record<Name, T>;
}
