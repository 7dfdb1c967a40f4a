import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, clock as systemClock, writeError } from '../base/index.ts';
import type { Metrics } from '../experiment/index.ts';
import { fileStamp, textLine } from '../log/log_format.ts';
import type { Terminal } from '../log/progress.ts';

export interface BenchmarkLogSetup {
  readonly folder: string;
  /** Versions and hardware, for people. */
  readonly environment: string;
  readonly seed: number;
  /** Called before anything is written; throws where the folder is not the one any more that was opened. */
  readonly check: () => void;
  readonly terminal?: Terminal | undefined;
  readonly clock?: Clock;
}

/** What a benchmark writes down while it goes, one pair of files a start: `benchmark_STAMP.log`, `STAMP.log.json`. */
export class BenchmarkLog {
  private readonly setup: BenchmarkLogSetup;
  private readonly clock: Clock;
  private readonly terminal: Terminal;
  private readonly stem: string;
  private begun: number;

  constructor(setup: BenchmarkLogSetup) {
    this.setup = setup;
    this.clock = setup.clock ?? systemClock;
    this.terminal = setup.terminal ?? process.stderr;
    this.stem = fileStamp(this.clock.now());
    this.begun = this.clock.seconds();
    this.json({ env_info: setup.environment, seed: setup.seed });
  }

  info(message: string): void {
    this.text('INFO', message);
    this.terminal.write(`${message}\n`);
  }

  warn(message: string): void {
    this.text('WARNING', message);
    this.terminal.write(`warning: ${message}\n`);
  }

  /** A unit that is finished; the seconds are those since the last one. */
  unit(place: string, unit: string, metrics: Metrics): void {
    const now = this.clock.seconds();
    const seconds = Number((now - this.begun).toFixed(3));
    this.begun = now;
    const shown = Object.entries(metrics).map(([name, value]) => `${name}: ${value.toFixed(4)}`);
    this.json({ mode: 'benchmark', unit, seconds, ...metrics });
    this.info(`Unit [${place}] ${unit} (${seconds.toFixed(1)} s): ${shown.join(', ')}`);
  }

  /** What stands in tables, at the end. */
  summary(metrics: Metrics): void {
    const shown = Object.entries(metrics).map(([name, value]) => `${name}: ${value.toFixed(4)}`);
    this.json({ mode: 'summary', ...metrics });
    this.info(`Summary: ${shown.join(', ')}`);
  }

  private json(entry: object): void {
    const finite = (_: string, value: unknown) =>
      typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
    this.write(`${this.stem}.log.json`, `${JSON.stringify(entry, finite)}\n`);
  }

  private text(level: 'INFO' | 'WARNING', message: string): void {
    this.write(`benchmark_${this.stem}.log`, textLine(this.clock.now(), level, message));
  }

  private write(name: string, content: string): void {
    this.setup.check();
    const path = join(this.setup.folder, name);
    try {
      appendFileSync(path, content);
    } catch (cause) {
      throw writeError(path, cause);
    }
  }
}
