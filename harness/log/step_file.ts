import { appendFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { readText, UserError, writeAtomic, writeError } from '../base/index.ts';
import type { Metrics } from '../experiment/index.ts';
import { csvLine } from './csv.ts';

/** One training step as `steps.csv` holds it. */
export interface StepRow {
  /** Steps finished, counted from the start of the run. */
  readonly step: number;
  readonly lr: number;
  /** Samples of the step: the weight of its values in means. */
  readonly images: number;
  readonly metrics: Metrics;
}

const FILE = 'steps.csv';
const HEAD = ['step', 'lr', 'images'];

/**
 * Every step of a run in full precision and without times, so that two equal runs leave equal bytes,
 * interrupted or not.
 */
export class StepFile {
  private readonly path: string;
  private header: string;

  private constructor(path: string, header: string) {
    this.path = path;
    this.header = header;
  }

  /** Opens the file of a run and forgets what it says after `lastStep`; 0 starts it anew. */
  static async open(folder: string, lastStep: number): Promise<StepFile> {
    const path = join(folder, FILE);
    const [header = '', ...lines] = existsSync(path) ? wholeLines(readText(path)) : [];
    const kept = lines.filter((line) => Number.parseInt(line, 10) <= lastStep);
    const content = kept.length === 0 ? '' : header;
    await writeAtomic(path, [content, ...(content === '' ? [] : kept)].join(''));
    return new StepFile(path, content);
  }

  append({ step, lr, images, metrics }: StepRow): void {
    const header = csvLine([...HEAD, ...Object.keys(metrics)]);
    if (this.header !== '' && header !== this.header) {
      throw new Error(`${this.path}: step ${step} has columns ${header}, expected ${this.header}`);
    }
    const line = csvLine([step, lr, images, ...Object.values(metrics)]);
    try {
      appendFileSync(this.path, this.header === '' ? header + line : line);
    } catch (cause) {
      throw writeError(this.path, cause);
    }
    this.header = header;
  }
}

/** The steps of a work directory; empty when it has none. A line cut short by a crash is left out. */
export function readSteps(folder: string): StepRow[] {
  const path = join(folder, FILE);
  if (!existsSync(path)) return [];
  const [header = '', ...lines] = wholeLines(readText(path));
  const names = header.trim().split(',').slice(HEAD.length);
  return lines.map((line) => {
    const [step = Number.NaN, lr = 0, images = 0, ...values] = line.trim().split(',').map(Number);
    if (values.length !== names.length || !Number.isSafeInteger(step)) {
      throw new UserError(`${path} is damaged: "${line.trim()}" does not fit its columns`);
    }
    const metrics = Object.fromEntries(names.map((name, i) => [name, values[i] ?? Number.NaN]));
    return { step, lr, images, metrics };
  });
}

/** The lines of a text with their ends; a last one without an end is left out. */
export function wholeLines(text: string): string[] {
  return text.match(/[^\n]*\n/g) ?? [];
}
