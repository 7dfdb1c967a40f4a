import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { UserError, writeAtomic } from '../../harness/base/index.ts';
import {
  type DetectionCase,
  type DetectionReport,
  type DetectionShape,
  detectionCaseName,
  detectionMarkdown,
  detectionReport,
  gainOf,
} from '../../reports/detection_speed.ts';
import { root } from '../command/root.ts';
import { lineOf } from './both_sides.ts';
import { processor, today } from './machine.ts';
import { bothInOrder, type Side } from './pairs.ts';
import { type JsonLine, startTimed } from './timed_process.ts';

export interface DetectionAgainstOptions {
  readonly python: string;
  /** `torch_detection_reference.py`. */
  readonly reference: string;
  /** Turns of each side. */
  readonly pairs: number;
  /** By name; all where there is none. */
  readonly case: readonly string[];
  /** Folder of the report. */
  readonly out: string;
  readonly date: string | undefined;
}

interface Case extends DetectionShape {
  readonly target?: number;
  /** Of a turn. */
  readonly steps: number;
  /** Both sides do not fit into 24 GiB at once: each is started for its turn, and ended after it. */
  readonly large?: boolean;
}

const SIDES = { size: 480, batch: 2 } as const;
const CASES: readonly Case[] = [
  { ...SIDES, precision: 'fp32', mask: false, inference: false, target: 1.05, steps: 1 },
  {
    ...SIDES,
    precision: 'fp32',
    mask: true,
    inference: false,
    target: 1.05,
    steps: 2,
    large: true,
  },
  { ...SIDES, precision: 'fp32', mask: false, inference: true, target: 1.1, steps: 1 },
  { ...SIDES, precision: 'fp32', mask: true, inference: true, steps: 1 },
  { ...SIDES, precision: 'bf16', mask: false, inference: false, steps: 1 },
];
const WARMUP = 1;
/** Of the clock by a step of the reference: before it, after each of its five phases, after it. */
const READINGS = 7;

/** Times a detector's steps against PyTorch's and writes the report; what was measured before of other cases stays in it. */
export async function detectionAgainst(
  options: DetectionAgainstOptions,
): Promise<{ readonly report: DetectionReport; readonly page: string }> {
  const { out, date } = options;
  const file = resolve(out, 'detection_speed.json');
  const names = CASES.map(detectionCaseName);
  for (const name of options.case)
    if (!names.includes(name))
      throw new UserError(`--case: found '${name}', expected one of ${names.join('; ')}`);
  const before = existsSync(file)
    ? detectionReport.parse(JSON.parse(readFileSync(file, 'utf8')))
    : undefined;
  const done = new Map(before?.cases.map((one) => [detectionCaseName(one), one]));
  let report = before;
  for (const one of CASES) {
    const name = detectionCaseName(one);
    if (options.case.length > 0 && !options.case.includes(name)) continue;
    const { torch, ...measured } = await measure(one, options);
    done.set(name, measured);
    const cases = names.flatMap((own) => done.get(own) ?? []);
    report = detectionReport.parse({
      ...{ date: date ?? today(), machine: processor(), torch, cases },
    });
    // After each case, so that a run which is broken off keeps what it has.
    await writeAtomic(file, `${JSON.stringify(report, null, 1)}\n`);
    await writeAtomic(resolve(out, 'detection_speed.md'), detectionMarkdown(report));
    const { median, low, high } = gainOf(measured);
    process.stderr.write(`${name}: ${[median, low, high].map((x) => x.toFixed(3)).join(' ')}\n`);
  }
  if (report === undefined) throw new Error('speed: no case was measured');
  return { report, page: detectionMarkdown(report) };
}

const NAMES = ['ours', 'torch'] as const;

/** Both sides in processes of their own that take turns, each side first in every other pair. */
async function measure(
  one: Case,
  { python, reference, pairs }: DetectionAgainstOptions,
): Promise<DetectionCase & { readonly torch: string }> {
  const { target, steps, large = false, ...shape } = one;
  const count = WARMUP + (large ? 1 : pairs) * steps;
  const script = resolve(root, 'scripts/bench_detection.mjs');
  const own = JSON.stringify({ ...shape, steps: count });
  const lines = {
    ours: [process.execPath, script, '--json', '--side', own],
    torch: [python, ...torchLine(shape, count, reference)],
  };
  const found = await (large
    ? aloneInTurns(lines, one, pairs)
    : togetherInTurns(lines, one, pairs));
  const { ends } = found;
  const both = (key: string) => ({ ours: Number(ends.ours[key]), torch: Number(ends.torch[key]) });
  return {
    ...shape,
    ...(target === undefined ? {} : { target }),
    pairs: found.pairs,
    peak_mb: both('peak_rss_mb'),
    regions: both('regions'),
    start: {
      operations: Number(ends.ours.operations),
      open_s: Number(ends.ours.open_s),
      first_s: Number(ends.ours.first_s),
    },
    torch: String(ends.torch.version),
  };
}

interface InTurns {
  readonly pairs: readonly Record<Side, number>[];
  /** What each side printed last. */
  readonly ends: Record<Side, JsonLine>;
}

async function togetherInTurns(
  lines: Record<Side, readonly string[]>,
  { steps }: Case,
  pairs: number,
): Promise<InTurns> {
  const sides = { ours: startTimed(lines.ours), torch: startTimed(lines.torch) };
  try {
    for (const side of NAMES) await sides[side].turn(WARMUP);
    const found = [];
    for (let i = 0; i < pairs; i++)
      found.push(await pairOf(i, async (side) => (await sides[side].turn(steps)).step_ms));
    return {
      pairs: found,
      ends: { ours: await sides.ours.result(), torch: await sides.torch.result() },
    };
  } finally {
    for (const side of NAMES) sides[side].stop();
  }
}

async function aloneInTurns(
  lines: Record<Side, readonly string[]>,
  { steps }: Case,
  pairs: number,
): Promise<InTurns> {
  const ends: Record<Side, JsonLine> = { ours: {}, torch: {} };
  const found = [];
  for (let i = 0; i < pairs; i++)
    found.push(
      await pairOf(i, async (side) => {
        const process = startTimed(lines[side]);
        try {
          await process.turn(WARMUP);
          const { step_ms } = await process.turn(steps);
          ends[side] = await process.result();
          return step_ms;
        } finally {
          process.stop();
        }
      }),
    );
  return { pairs: found, ends };
}

async function pairOf(
  i: number,
  milliseconds: (side: Side) => Promise<number>,
): Promise<Record<Side, number>> {
  const pair = await bothInOrder(i, milliseconds);
  const [ours, torch] = NAMES.map((side) => pair[side].toFixed(0));
  process.stderr.write(`pair ${i + 1}: ${ours} against ${torch} ms\n`);
  return pair;
}

function torchLine(shape: DetectionShape, steps: number, reference: string): string[] {
  const { size, batch, precision, mask, inference } = shape;
  const turns = resolve(root, 'tools/torch/in_turns.py');
  const common = lineOf({ size, batch, steps, warmup: 0 });
  if (mask) common.push('--mask');
  if (inference) return [turns, resolve(root, 'tools/torch/bench_detection.py'), ...common];
  return [turns, '--readings', String(READINGS), reference, ...common, '--precision', precision];
}
