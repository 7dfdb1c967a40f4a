import { resolve } from 'node:path';
import { root } from '../command/root.ts';
import type { Case } from './cases.ts';
import { startTimed } from './timed_process.ts';
import { numbersOf } from './timed_steps.ts';

export interface BothOptions {
  /** Python with torch. */
  readonly python: string;
  /** The script that times a step in PyTorch. */
  readonly reference: string;
  /** JPEG paths, one a line, of a loop. */
  readonly files: string | undefined;
}

/** A command of each side. */
export interface BothSides {
  readonly ours: readonly string[];
  readonly torch: readonly string[];
}

/** Both take turns, and so many steps in all. */
export function stepCommands(one: Case, steps: number, options: BothOptions): BothSides {
  const { timed, shape } = one;
  const { python, reference } = options;
  const method = ['--method', timed.kind];
  const line = [...method, ...shapeLine(one, steps), '--warmup', '0'];
  const turns = [python, resolve(root, 'tools/torch/in_turns.py')];
  const script = resolve(root, 'tools/torch/perf_methods.py');
  const numbers = lineOf(numbersOf(timed, shape.size));
  return {
    ours: ourCommand(one, steps, ['--turns', '--warmup', '0']),
    torch: timed.reference
      ? [...turns, reference, ...line]
      : [...turns, script, '--reference', reference, ...line, ...numbers],
  };
}

/** Whole runs, PyTorch's with as many loader processes as are fastest here. */
export async function loopCommands(
  one: Case,
  { python, files = '' }: BothOptions,
): Promise<BothSides> {
  const { steps } = one;
  const script = resolve(root, 'tools/torch/train_loop.py');
  const base = [python, script, '--files', files, ...shapeLine(one, steps), '--workers'];
  let best = { workers: 0, rate: 0 };
  for (const workers of [0, 1, 2]) {
    const { images_per_second: rate } = await startTimed([...base, String(workers)]).result();
    process.stderr.write(`PyTorch with ${workers} loader processes: ${rate} images/s\n`);
    if (Number(rate) > best.rate) best = { workers, rate: Number(rate) };
  }
  return {
    ours: ourCommand(one, steps, ['--files', files]),
    torch: [...base, String(best.workers)],
  };
}

function ourCommand(one: Case, steps: number, more: readonly string[]): string[] {
  const line = ['--method', one.timed.kind, ...shapeLine(one, steps), ...more, '--json'];
  return ['npx', 'zx', resolve(root, 'scripts/perf.mjs'), ...line];
}

function shapeLine({ shape }: Case, steps: number): string[] {
  const { depth, size, batch, precision } = shape;
  return lineOf({ depth, size, batch, precision, steps });
}

/** Options of a command line. */
export function lineOf(values: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(values).flatMap(([key, value]) => [`--${key}`, String(value)]);
}
