import { resolve } from 'node:path';
import { writeAtomic } from '../../harness/base/index.ts';
import { newSecret } from '../../harness/cluster/secret.ts';
import { freePorts } from '../../harness/launch/ports.ts';
import { efficiencyPage } from '../../reports/scaling_efficiency.ts';
import {
  type ScalingCase,
  type ScalingReport,
  scalingMarkdown,
  scalingReport,
} from '../../reports/scaling_speed.ts';
import { root } from '../command/root.ts';
import { processor, today } from './machine.ts';
import type { ScalingPlace, ScalingShape } from './scaling_side.ts';
import { type JsonLine, startTimed, type TimedProcess } from './timed_process.ts';

export interface ScalingOptions {
  readonly method: string;
  readonly precision: string;
  /** `DEPTH/SIZE/BATCH`, all of `CASES` where there is none. */
  readonly case: readonly string[];
  readonly rounds: number;
  /** Folder of the report. */
  readonly out: string;
  readonly date: string | undefined;
}

/** What is held to a target: two processes with a core each, over one with one. */
const CASES = [
  { depth: 50, size: 224, batch: 16, target: 1.8, steps: 1 },
  { depth: 18, size: 32, batch: 64, target: 1.4, steps: 10 },
];
const REPLICAS = 2;
const WARMUP = 1;

/** Times a step of one replica on one core, of two on two processes with a core each, and on one process with both. */
export async function scaling(
  options: ScalingOptions,
): Promise<{ readonly report: ScalingReport; readonly page: string }> {
  const { method, precision, rounds, date, out } = options;
  const cases = [];
  for (const { target, steps, ...shape } of CASES) {
    const name = `${shape.depth}/${shape.size}/${shape.batch}`;
    if (options.case.length > 0 && !options.case.includes(name)) continue;
    const whole = { method, precision, replicas: REPLICAS, ...shape };
    cases.push({ ...whole, target, ...(await timed(whole, steps, rounds)) });
  }
  const report = scalingReport.parse({ date: date ?? today(), machine: processor(), cases });
  const page = scalingMarkdown(report);
  await writeAtomic(resolve(out, 'scaling.md'), efficiencyPage(report));
  await writeAtomic(resolve(out, 'scaling_speed.json'), `${JSON.stringify(report, null, 1)}\n`);
  await writeAtomic(resolve(out, 'scaling_speed.md'), page);
  return { report, page };
}

/** Processes that take a step together. */
type Side = readonly TimedProcess[];

async function timed(
  shape: ScalingShape,
  turn: number,
  rounds: number,
): Promise<Pick<ScalingCase, 'sides'>> {
  const steps = WARMUP + turn * rounds;
  const names = ['1 process, 1 core', '2 processes, 1 core each', '1 process, 2 cores'];
  const sides: Side[] = [
    [start({ ...shape, replicas: 1, steps, cores: 1 }, '0')],
    await pair({ ...shape, steps, cores: 1 }),
    [start({ ...shape, steps, cores: 2 }, '0,1')],
  ];
  const milliseconds: number[][] = sides.map(() => []);
  const take = async (side: Side, count: number) => {
    const turns = await Promise.all(side.map((one) => one.turn(count)));
    return Math.max(...turns.map(({ step_ms }) => step_ms));
  };
  try {
    for (const side of sides) await take(side, WARMUP);
    for (let round = 0; round < rounds; round++)
      for (const [i, side] of sides.entries()) milliseconds[i]?.push(await take(side, turn));
    const ends: (readonly JsonLine[])[] = [];
    for (const side of sides) ends.push(await Promise.all(side.map((one) => one.result())));
    return {
      sides: names.map((name, i) => ({
        name,
        replicas: i === 0 ? 1 : shape.replicas,
        step_ms: milliseconds[i] ?? [],
        peak_mb: Math.max(...(ends[i] ?? []).map((end) => Number(end.peak_rss_mb))),
        gradient_bytes: Number(ends[i]?.[0]?.gradient_bytes),
        sent_bytes: Number(ends[i]?.[0]?.sent_bytes),
        row_bytes: Number(ends[i]?.[0]?.row_bytes),
        messages: Number(ends[i]?.[0]?.messages),
      })),
    };
  } finally {
    for (const one of sides.flat()) one.stop();
  }
}

async function pair(shape: ScalingPlace): Promise<Side> {
  const [meeting, ...servers] = (await freePorts(3)).map((port) => `127.0.0.1:${port}`);
  const place = { servers, meeting: meeting ?? '', timeoutSeconds: 120, secret: newSecret() };
  return servers.map((_, rank) => start({ ...shape, place: { ...place, rank } }, String(rank)));
}

/** @param cores as of taskset: a process takes the lowest of those that it may use */
function start(side: ScalingPlace, cores: string): TimedProcess {
  const script = resolve(root, 'scripts/bench_scaling.mjs');
  const own = [process.execPath, script, '--json', '--side', JSON.stringify(side)];
  return startTimed(['taskset', '-c', cores, ...own]);
}
