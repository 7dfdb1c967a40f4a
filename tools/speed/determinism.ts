import { resolve } from 'node:path';
import { UserError, writeAtomic } from '../../harness/base/index.ts';
import { newSecret } from '../../harness/cluster/secret.ts';
import { freePorts } from '../../harness/launch/ports.ts';
import {
  type DeterminismCase,
  type DeterminismReport,
  determinismMarkdown,
  determinismReport,
  LIBERTIES,
  type Liberty,
} from '../../reports/determinism_speed.ts';
import { root } from '../command/root.ts';
import type { DeterminismPlace } from './determinism_side.ts';
import { processor, today } from './machine.ts';
import { startTimed, type TimedProcess } from './timed_process.ts';
import { UNORDERED, type Unordered } from './unordered_sums.ts';

export interface DeterminismOptions {
  readonly method: string;
  readonly precision: string;
  /** `DEPTH/SIZE/BATCH`, all of `CASES` where there is none. */
  readonly case: readonly string[];
  /** Numbers of processes, 1 and 2 where there is none. */
  readonly processes: readonly string[];
  /** What the other side does without; all of `LIBERTIES` where there is none. */
  readonly without: readonly string[];
  readonly rounds: number;
  /** Folder of the report. */
  readonly out: string;
  readonly date: string | undefined;
}

const TARGET = 1.07;
const CASES = [
  { depth: 50, size: 224, batch: 8, steps: 1 },
  { depth: 18, size: 32, batch: 64, steps: 6 },
];
const REPLICAS = 2;
const CORES = 2;
const WARMUP = 2;

type Shape = Omit<DeterminismPlace, 'steps' | 'cores' | 'place' | 'without' | 'way'>;
type Pair = Pick<DeterminismCase, 'ordered' | 'free'>;

/** Times steps as they are beside steps without what determinism costs, and writes the report. */
export async function determinism(
  options: DeterminismOptions,
): Promise<{ readonly report: DeterminismReport; readonly page: string }> {
  const { method, precision, rounds, date, out } = options;
  const counts = options.processes.length > 0 ? options.processes.map(Number) : [1, 2];
  const without = options.without.length > 0 ? options.without.map(libertyNamed) : LIBERTIES;
  const cases: DeterminismCase[] = [];
  for (const { steps, ...numbers } of CASES) {
    const name = `${numbers.depth}/${numbers.size}/${numbers.batch}`;
    if (options.case.length > 0 && !options.case.includes(name)) continue;
    const shape = { method, precision, replicas: REPLICAS, ...numbers };
    for (const processes of counts) {
      const alike = processes === 1 || !without.includes('tree');
      for (const way of alike ? UNORDERED.slice(0, 1) : UNORDERED) {
        const pair = await timedPair(shape, { processes, way, without, steps, rounds });
        cases.push({ ...shape, processes, way, without, ...pair });
      }
    }
  }
  const report = determinismReport.parse({
    date: date ?? today(),
    machine: processor(),
    target: TARGET,
    cases,
  });
  const page = determinismMarkdown(report);
  const text = `${JSON.stringify(report, null, 1)}\n`;
  await writeAtomic(resolve(out, 'determinism_speed.json'), text);
  await writeAtomic(resolve(out, 'determinism_speed.md'), page);
  return { report, page };
}

interface Turns {
  readonly processes: number;
  readonly way: Unordered;
  readonly without: readonly Liberty[];
  /** Of a turn. */
  readonly steps: number;
  readonly rounds: number;
}

/** @throws UserError */
function libertyNamed(name: string): Liberty {
  const found = LIBERTIES.find((one) => one === name);
  if (found !== undefined) return found;
  throw new UserError(`--without: found '${name}', expected one of ${LIBERTIES.join(', ')}`);
}

interface Times {
  readonly step_ms: number[];
  readonly cpu_ms: number[];
}

/** Both sides are there at once and take turns, each first in every other pair. */
async function timedPair(
  shape: Shape,
  { processes, way, without, steps, rounds }: Turns,
): Promise<Pair> {
  const all = { ...shape, way, steps: WARMUP + steps * rounds };
  const sides = {
    ordered: await started({ ...all, without: [] }, processes),
    free: await started({ ...all, without }, processes),
  };
  const times = { ordered: noTimes(), free: noTimes() };
  const take = async (side: keyof typeof sides, count: number) => {
    const turns = await Promise.all(sides[side].map((one) => one.turn(count)));
    return {
      step: Math.max(...turns.map(({ step_ms }) => step_ms)),
      cpu: turns.reduce((sum, { cpu_ms = 0 }) => sum + cpu_ms, 0),
    };
  };
  try {
    const order = ['ordered', 'free'] as const;
    for (const side of order) await take(side, WARMUP);
    for (let round = 0; round < rounds; round++)
      for (const side of round % 2 === 0 ? order : order.toReversed()) {
        const { step, cpu } = await take(side, steps);
        times[side].step_ms.push(step);
        times[side].cpu_ms.push(cpu);
      }
    return {
      ordered: { ...times.ordered, peak_mb: await peakOf(sides.ordered) },
      free: { ...times.free, peak_mb: await peakOf(sides.free) },
    };
  } finally {
    for (const one of Object.values(sides).flat()) one.stop();
  }
}

function noTimes(): Times {
  return { step_ms: [], cpu_ms: [] };
}

async function peakOf(side: readonly TimedProcess[]): Promise<number> {
  const ends = await Promise.all(side.map((one) => one.result()));
  return Math.max(...ends.map((end) => Number(end.peak_rss_mb)));
}

/** The processes of one side, each on its share of the cores. */
async function started(
  side: Omit<DeterminismPlace, 'cores'>,
  processes: number,
): Promise<TimedProcess[]> {
  const cores = CORES / processes;
  if (processes === 1) return [start({ ...side, cores }, '0,1')];
  const [meeting = '', ...servers] = (await freePorts(1 + processes)).map((p) => `127.0.0.1:${p}`);
  const place = { servers, meeting, timeoutSeconds: 120, secret: newSecret() };
  return servers.map((_, rank) =>
    start({ ...side, cores, place: { ...place, rank } }, String(rank)),
  );
}

/** @param cores as of taskset */
function start(side: DeterminismPlace, cores: string): TimedProcess {
  const script = resolve(root, 'scripts/bench_determinism.mjs');
  const own = [process.execPath, script, '--json', '--side', JSON.stringify(side)];
  return startTimed(['taskset', '-c', cores, ...own]);
}
