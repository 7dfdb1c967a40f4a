import { resolve } from 'node:path';
import { z } from 'zod';
import { writeAtomic } from '../../harness/base/index.ts';
import { freePorts } from '../../harness/launch/ports.ts';
import {
  type AllReduceReport,
  allReduceMarkdown,
  allReduceReport,
  allReduceRun,
} from '../../reports/allreduce_speed.ts';
import { root } from '../command/root.ts';
import { type AllReduceShape, gradientShapes } from './allreduce.ts';
import { processor, today } from './machine.ts';
import { startTimed } from './timed_process.ts';

export interface AllReduceOptions extends AllReduceShape {
  /** How many there are at once, case by case. */
  readonly processes: readonly string[];
  /** Folder of the report. */
  readonly out: string;
  readonly date: string | undefined;
}

/** Times the all-reduce of gradients in the fixed order beside TensorFlow's, and writes the report. */
export async function allReduceAgainst(
  options: AllReduceOptions,
): Promise<{ readonly report: AllReduceReport; readonly page: string }> {
  const { depth, bucket, rounds, date, out } = options;
  const shapes = gradientShapes(depth);
  const cases = [];
  for (const processes of options.processes.map(Number))
    cases.push({ processes, runs: await together(processes, { depth, bucket, rounds }) });
  const report = allReduceReport.parse({
    date: date ?? today(),
    machine: processor(),
    depth,
    tensors: shapes.length,
    values: shapes.reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0),
    bucket,
    cases,
  });
  const page = allReduceMarkdown(report);
  const text = `${JSON.stringify(report, null, 1)}\n`;
  await writeAtomic(resolve(out, 'allreduce_speed.json'), text);
  await writeAtomic(resolve(out, 'allreduce_speed.md'), page);
  return { report, page };
}

/** So many processes at once. @returns what the first of them measured */
async function together(processes: number, shape: AllReduceShape) {
  const servers = (await freePorts(processes)).map((port) => `127.0.0.1:${port}`);
  const script = resolve(root, 'scripts/bench_allreduce.mjs');
  const numbers = Object.entries(shape).flatMap(([key, value]) => [`--${key}`, String(value)]);
  const sides = servers.map((_, rank) => {
    const side = JSON.stringify({ rank, servers });
    return startTimed([process.execPath, script, '--json', '--side', side, ...numbers]);
  });
  try {
    const [first] = await Promise.all(sides.map((side) => side.result()));
    return z.strictObject({ runs: z.array(allReduceRun) }).parse(first).runs;
  } finally {
    for (const side of sides) side.stop();
  }
}
