import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Clock,
  readFolder,
  clock as systemClock,
  writeAtomic,
  writeError,
} from '../base/index.ts';
import type { Metrics } from '../experiment/index.ts';
import { epochsCsv, type MetricRow } from './csv.ts';
import { EventWriter } from './events.ts';
import { forgetEvents } from './forget_events.ts';
import { forgetLines, resumedEpochs } from './forget_lines.ts';
import {
  fileStamp,
  jsonLine,
  type TrainEntry,
  textLine,
  trainLine,
  type ValidationEntry,
  validationLine,
} from './log_format.ts';
import { type Progress, showProgress, type Terminal } from './progress.ts';
import { readSteps, StepFile, type StepRow } from './step_file.ts';

export interface LogSetup {
  readonly folder: string;
  readonly seed: number;
  /** Versions and hardware, for people. */
  readonly environment: string;
  readonly epochs: number;
  readonly stepsPerEpoch: number;
  /** Steps whose means make one line of the log. */
  readonly everySteps: number;
  /** Steps finished before this start; 0 when the run is new. */
  readonly resumeStep: number;
  /** Epochs whose evaluation is done by then. Default: all that the steps finish. */
  readonly resumeEpochs?: number;
  /** Called before anything is written; throws where the folder is not the one any more that was opened. */
  readonly check?: () => void;
  readonly clock?: Clock;
  readonly terminal?: Terminal;
}

/** A finished step. */
export interface StepEntry extends StepRow {
  readonly momentum: number;
}

/** Seconds from one step's end to the next one's, and the part of them spent on waiting for data. */
export interface StepTimes {
  readonly step: number;
  readonly data: number;
}

/** A step of a window; the times of steps before a resume are not known any more. */
interface Timed extends StepRow {
  readonly times?: StepTimes;
}

const EVENTS = 'tf_logs';

/**
 * All that a run writes down while it goes: `train_STAMP.log` and `STAMP.log.json` in the original's
 * formats, TensorBoard events in `tf_logs/`, `steps.csv`, `epochs.csv`, and progress on the terminal.
 * A resumed run goes on in the same files, after forgetting what they say past its checkpoint.
 *
 * @example
 * const log = await RunLog.open({ folder, … });
 * for (…) { log.startEpoch(); for await (const batch of loader) { log.dataReady(); …; log.step(…); } }
 */
export class RunLog {
  private readonly setup: LogSetup;
  private readonly clock: Clock;
  private readonly stem: string;
  private readonly steps: StepFile;
  private readonly events: EventWriter;
  private readonly progress: Progress;
  private window: Timed[];
  private timed = { steps: 0, seconds: 0 };
  private lastEnd: number;
  private dataEnd: number;

  private constructor(setup: LogSetup, stem: string, steps: StepFile, window: Timed[]) {
    const { folder, terminal = process.stderr, clock = systemClock, resumeStep } = setup;
    this.setup = setup;
    this.clock = clock;
    this.stem = stem;
    this.steps = steps;
    this.window = window;
    this.events = new EventWriter(
      join(folder, EVENTS),
      clock,
      resumeStep === 0 ? undefined : resumeStep + 1,
    );
    this.progress = showProgress(terminal, setup.epochs, setup.stepsPerEpoch);
    this.lastEnd = this.dataEnd = clock.seconds();
  }

  static async open(setup: LogSetup): Promise<RunLog> {
    const { folder, resumeStep, clock = systemClock, seed, environment } = setup;
    mkdirSync(folder, { recursive: true });
    const stem = resumeStep === 0 ? undefined : newestStem(folder);
    const steps = await StepFile.open(folder, resumeStep);
    const window = stepsOfWindow(setup);
    const events = join(folder, EVENTS);
    mkdirSync(events, { recursive: true });
    if (resumeStep > 0) {
      const validation = resumedEpochs(setup) * setup.stepsPerEpoch;
      await forgetEvents(events, { step: resumeStep, validation });
    }
    if (stem !== undefined) {
      await forgetLines(join(folder, `${stem}.log.json`), setup);
      return new RunLog(setup, stem, steps, window);
    }
    const log = new RunLog(setup, fileStamp(clock.now()), steps, window);
    log.write(log.jsonFile, `${JSON.stringify({ env_info: environment, seed })}\n`);
    return log;
  }

  info(message: string): void {
    this.text('INFO', message);
    this.progress.line(message);
  }

  warn(message: string): void {
    this.text('WARNING', message);
    this.progress.line(`warning: ${message}`);
  }

  /** Call when an epoch, or the rest of one, begins: the time before counts for no step. */
  startEpoch(): void {
    this.lastEnd = this.dataEnd = this.clock.seconds();
  }

  /** Call when a step's batch has arrived. */
  dataReady(): void {
    this.dataEnd = this.clock.seconds();
  }

  /** Call when a step is finished. Its numbers can be written later, while the next one runs. */
  stepDone(): StepTimes {
    const now = this.clock.seconds();
    const times = { step: now - this.lastEnd, data: this.dataEnd - this.lastEnd };
    this.lastEnd = this.dataEnd = now;
    return times;
  }

  /** Writes a finished step down. */
  step({ momentum, ...row }: StepEntry, times: StepTimes = this.stepDone()): void {
    this.setup.check?.();
    this.window.push({ ...row, times });
    this.timed = { steps: this.timed.steps + 1, seconds: this.timed.seconds + times.step };
    this.steps.append(row);
    const { epoch, iter } = this.place(row.step);
    this.showStep(row, epoch, iter);
    if (iter % this.setup.everySteps === 0) this.endWindow(row.step, row.lr, momentum);
    // The tail of an epoch that is shorter than a window is not logged, as in the original.
    if (iter === this.setup.stepsPerEpoch || iter % this.setup.everySteps === 0) this.window = [];
  }

  /** Call after an epoch's evaluation, before the checkpoint that holds its outcome. */
  validation(step: number, lr: number, metrics: Metrics): void {
    const entry: ValidationEntry = { mode: 'val', ...this.place(step), lr, metrics };
    this.write(this.jsonFile, jsonLine(entry));
    const line = validationLine(entry, this.setup.stepsPerEpoch);
    this.text('INFO', line);
    this.progress.line(line);
    // Departs: the original tags these `/train` too, because its runner never leaves that mode.
    this.events.scalars(step, tagged(metrics, 'val'));
  }

  /** Writes `epochs.csv` anew. */
  async epochs(rows: readonly MetricRow[]): Promise<void> {
    await writeAtomic(join(this.setup.folder, 'epochs.csv'), epochsCsv(rows));
  }

  close(): void {
    this.progress.close();
  }

  private endWindow(step: number, lr: number, momentum: number): void {
    const { seconds, dataSeconds, metrics } = means(this.window);
    const memory = Math.round(process.resourceUsage().maxRSS / 1024);
    const times = { time: seconds, data_time: dataSeconds, memory };
    const entry: TrainEntry = { mode: 'train', ...this.place(step), lr, ...times, metrics };
    this.write(this.jsonFile, jsonLine(entry));
    const line = trainLine(entry, this.setup.stepsPerEpoch, this.eta(step));
    this.text('INFO', line);
    this.progress.line(line, true);
    this.events.scalars(step, { ...tagged(metrics, 'train'), learning_rate: lr, momentum });
  }

  private showStep({ step, metrics }: StepRow, epoch: number, iter: number): void {
    const { seconds, dataSeconds, images } = means(this.window);
    this.progress.update({
      epoch,
      iter,
      loss: metrics.loss,
      imagesPerSecond: images / seconds,
      dataShare: seconds === 0 ? 0 : dataSeconds / seconds,
      etaSeconds: this.eta(step),
    });
  }

  private eta(step: number): number {
    const total = this.setup.epochs * this.setup.stepsPerEpoch;
    return ((total - step) * this.timed.seconds) / Math.max(1, this.timed.steps);
  }

  private place(step: number): { readonly epoch: number; readonly iter: number } {
    return placeOf(step, this.setup.stepsPerEpoch);
  }

  private get jsonFile(): string {
    return `${this.stem}.log.json`;
  }

  private text(level: 'INFO' | 'WARNING', message: string): void {
    this.write(`train_${this.stem}.log`, textLine(this.clock.now(), level, message));
  }

  private write(name: string, content: string): void {
    this.setup.check?.();
    const path = join(this.setup.folder, name);
    try {
      appendFileSync(path, content);
    } catch (cause) {
      throw writeError(path, cause);
    }
  }
}

function placeOf(step: number, stepsPerEpoch: number) {
  if (step === 0) return { epoch: 0, iter: 0 };
  const epoch = Math.ceil(step / stepsPerEpoch);
  return { epoch, iter: step - (epoch - 1) * stepsPerEpoch };
}

/** Means over steps: values weighted by samples, times by step. Images are those of a step. */
function means(window: readonly Timed[]) {
  const images = window.reduce((sum, row) => sum + row.images, 0);
  const times = window.flatMap((row) => row.times ?? []);
  const mean = (values: number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;
  const names = Object.keys(window[0]?.metrics ?? {});
  const weighted = (name: string) =>
    window.reduce((sum, { metrics, images: n }) => sum + (metrics[name] ?? 0) * n, 0) / images;
  return {
    images: images / window.length,
    seconds: mean(times.map(({ step }) => step)),
    dataSeconds: mean(times.map(({ data }) => data)),
    metrics: Object.fromEntries(names.map((name) => [name, weighted(name)])),
  };
}

// A run that stopped inside a window takes the window up again, so that its means come out the same.
function stepsOfWindow({ folder, resumeStep, everySteps, stepsPerEpoch }: LogSetup): Timed[] {
  if (resumeStep % stepsPerEpoch === 0) return [];
  const { iter } = placeOf(resumeStep, stepsPerEpoch);
  const first = resumeStep - (iter % everySteps) + 1;
  return readSteps(folder).filter(({ step }) => step >= first);
}

function newestStem(folder: string): string | undefined {
  const names = readFolder(folder).filter((name) => /^\d{8}_\d{6}\.log\.json$/.test(name));
  return names.sort().at(-1)?.replace('.log.json', '');
}

function tagged(metrics: Metrics, mode: 'train' | 'val'): Metrics {
  return Object.fromEntries(
    Object.entries(metrics).map(([name, value]) => [`${name}/${mode}`, value]),
  );
}
