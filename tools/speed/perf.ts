import { availableParallelism } from 'node:os';
import { startEngine } from '../../harness/engine/index.ts';
import { ofRun, ofTurn } from './lap.ts';
import { longList } from './long_list.ts';
import { type OpenStep, openStep } from './open_step.ts';
import { runLaps } from './run_laps.ts';
import type { Shape } from './shape.ts';
import { checkLoop, numbersOf, timedStepNamed } from './timed_steps.ts';
import { turnsFrom } from './turns.ts';

export interface PerfOptions extends Shape {
  /** Timed steps, and those before them. */
  readonly steps: number;
  readonly warmup: number;
  /** JPEG paths, one a line: time the whole loop from them. */
  readonly files: string | undefined;
  /** Wait for the number of steps of each turn on standard input. */
  readonly turns: boolean;
  /** Threads of the loader. */
  readonly workers: number | undefined;
}

/**
 * Times steps of a method, or the whole loop from files.
 * @param print is told of each turn
 * @returns the line that `timedRun` of reports/speed.ts describes
 * @throws UserError for a method that is not known, or whose loop is not timed.
 */
export async function perf(options: PerfOptions, print: (result: object) => void): Promise<object> {
  const { files, batch, warmup, workers } = options;
  const timed = await timedStepNamed(options.method);
  const steps = warmup + options.steps;
  if (files === undefined)
    return measured(await openStep(timed, options, { steps }), options, print);
  await checkLoop(timed);
  const list = await longList(files, batch * steps);
  try {
    const open = await openStep(timed, options, { steps, list: list.file, workers });
    return await measured(open, options, print);
  } finally {
    await list.remove();
  }
}

async function measured(
  open: OpenStep,
  options: PerfOptions,
  print: (result: object) => void,
): Promise<object> {
  const { depth, size, batch, precision, steps, warmup, threads, files } = options;
  try {
    const turns = options.turns
      ? turnsFrom(process.stdin, (laps) => print({ turn: ofTurn(laps) }))
      : undefined;
    const laps = await runLaps(open, { steps, warmup, turns });
    const { library } = await startEngine();
    const works = open.training.method.afterStep !== undefined;
    return {
      framework: 'reprise',
      version: library.version,
      device: library.device,
      method: open.timed.kind,
      depth,
      size,
      batch,
      precision,
      steps,
      ...numbersOf(open.timed, size),
      threads: threads || availableParallelism(),
      ...ofRun(laps, { batch, works, loop: files !== undefined }),
      peak_rss_mb: Math.floor(process.resourceUsage().maxRSS / 1024),
    };
  } finally {
    await open.training.dispose();
  }
}
