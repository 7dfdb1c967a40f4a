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
import { processor, today } from './machine.ts';
import { startTimed } from './timed_process.ts';

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
}

const SIDES = { size: 480, batch: 2 } as const;
const CASES: readonly Case[] = [
  { ...SIDES, precision: 'fp32', mask: false, inference: false, target: 1.05, steps: 1 },
  { ...SIDES, precision: 'fp32', mask: true, inference: false, target: 1.05, steps: 1 },
  { ...SIDES, precision: 'fp32', mask: false, inference: true, target: 1.1, steps: 1 },
  { ...SIDES, precision: 'fp32', mask: true, inference: true, steps: 1 },
  { ...SIDES, precision: 'bf16', mask: false, inference: false, steps: 1 },
];
const WARMUP = 2;
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

/** Both sides in processes of their own that take turns, each side first in every other pair. */
async function measure(
  { target, steps, ...shape }: Case,
  { python, reference, pairs }: DetectionAgainstOptions,
): Promise<DetectionCase & { readonly torch: string }> {
  const count = WARMUP + pairs * steps;
  const own = JSON.stringify({ ...shape, steps: count });
  const script = resolve(root, 'scripts/bench_detection.mjs');
  const sides = {
    ours: startTimed([process.execPath, script, '--json', '--side', own]),
    torch: startTimed([python, ...torchLine(shape, count, reference)]),
  };
  const names = ['ours', 'torch'] as const;
  try {
    for (const side of names) await sides[side].turn(WARMUP);
    const found = [];
    for (let i = 0; i < pairs; i++) {
      const pair = { ours: 0, torch: 0 };
      for (const side of i % 2 === 0 ? names : names.toReversed())
        pair[side] = (await sides[side].turn(steps)).step_ms;
      process.stderr.write(
        `pair ${i + 1}: ${pair.ours.toFixed(0)} against ${pair.torch.toFixed(0)} ms\n`,
      );
      found.push(pair);
    }
    const ends = { ours: await sides.ours.result(), torch: await sides.torch.result() };
    const both = (key: string) => ({
      ours: Number(ends.ours[key]),
      torch: Number(ends.torch[key]),
    });
    return {
      ...shape,
      ...(target === undefined ? {} : { target }),
      pairs: found,
      peak_mb: both('peak_rss_mb'),
      regions: both('regions'),
      start: {
        operations: Number(ends.ours.operations),
        open_s: Number(ends.ours.open_s),
        first_s: Number(ends.ours.first_s),
      },
      torch: String(ends.torch.version),
    };
  } finally {
    for (const side of names) sides[side].stop();
  }
}

function torchLine(shape: DetectionShape, steps: number, reference: string): string[] {
  const { size, batch, precision, mask, inference } = shape;
  const turns = resolve(root, 'tools/torch/in_turns.py');
  const line = Object.entries({ size, batch, steps, warmup: 0 });
  const common = [...line.flatMap(([key, value]) => [`--${key}`, String(value)])];
  if (mask) common.push('--mask');
  if (inference) return [turns, resolve(root, 'tools/torch/bench_detection.py'), ...common];
  return [turns, '--readings', String(READINGS), reference, ...common, '--precision', precision];
}
