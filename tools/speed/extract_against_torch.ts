import { loadavg } from 'node:os';
import { resolve } from 'node:path';
import { readText, UserError, writeAtomic } from '../../harness/base/index.ts';
import type { Precision } from '../../harness/engine/precision.ts';
import {
  type ExtractReport,
  type ExtractSide,
  extractMarkdown,
  extractReport,
  summariseExtract,
} from '../../reports/extract_speed.ts';
import { torchVersions } from './data_path.ts';
import { BATCH, ourExtraction, ourSide, torchSide, WARMUP } from './extract_path.ts';
import { processor, today } from './machine.ts';

/** Of the files that are written. */
const NAME = 'extract_speed';

export interface ExtractAgainstOptions {
  /** JPEG paths, one a line. */
  readonly files: string | undefined;
  readonly python: string;
  /** That are timed in each run. */
  readonly images: number;
  /** Runs of every side. */
  readonly rounds: number;
  /** Of `ours`. */
  readonly workers: number;
  readonly precision: string;
  /** Only one run of our side, nothing written. */
  readonly ours: boolean;
  /** Folder of the report. */
  readonly out: string;
  readonly date: string | undefined;
}

interface Side {
  readonly name: ExtractSide['name'];
  readonly precision: Precision;
  readonly workers: number;
  readonly imagesPerSecond: number[];
  readonly cpuMs: number[];
  readonly peakBytes: number[];
}

/**
 * Times extraction from JPEG files to files of features against PyTorch.
 * @returns what was found
 */
export async function extractAgainstTorch(options: ExtractAgainstOptions): Promise<object> {
  const { files, images, rounds, workers, precision, ours, out, date, python } = options;
  if (files === undefined) throw new UserError('bench_extract needs --files LIST');
  if (precision !== 'fp32' && precision !== 'bf16')
    throw new UserError(`precision: ${precision}; expected fp32 or bf16`);
  if (ours) return ourExtraction({ files, images, workers, precision });
  const sides = sidesOf();
  const load: number[] = [];
  const versions = await torchVersions(python);
  let report: ExtractReport | undefined;
  for (let round = 0; round < rounds; round++) {
    load.push(Number((loadavg()[0] ?? 0).toFixed(1)));
    // The order is turned from round to round, so that no side always runs behind the same other.
    for (const side of round % 2 === 0 ? sides : [...sides].reverse())
      await timeOnce(side, { python, images, files });
    // After each round, so that one which is broken off loses that round alone.
    report = extractReport.parse({
      date: date ?? today(),
      machine: processor(),
      versions,
      images,
      warmup: WARMUP * BATCH,
      files: readText(files).trim().split('\n').length,
      load,
      sides,
    });
    await writeAtomic(resolve(out, `${NAME}.json`), `${JSON.stringify(report, null, 2)}\n`);
    await writeAtomic(resolve(out, `${NAME}.md`), extractMarkdown(report));
  }
  return { found: report === undefined ? [] : summariseExtract(report) };
}

function sidesOf(): Side[] {
  const all = [
    ['reprise', 'fp32', 2],
    ['channels_last', 'fp32', 1],
    ['channels_last', 'fp32', 2],
    ['reprise', 'bf16', 2],
    ['channels_last', 'bf16', 2],
  ] as const;
  return all.map(([name, precision, workers]) => ({
    ...{ name, precision, workers },
    ...{ imagesPerSecond: [], cpuMs: [], peakBytes: [] },
  }));
}

async function timeOnce(
  { name, precision, workers, imagesPerSecond, cpuMs, peakBytes }: Side,
  { python, images, files }: Pick<ExtractAgainstOptions, 'python' | 'images'> & { files: string },
): Promise<void> {
  const run = { files, images, workers, precision };
  const { seconds, cpu_seconds, peak_bytes } =
    name === 'reprise' ? await ourSide(run) : await torchSide(run, { python, layout: name });
  const rate = (images / seconds).toFixed(2);
  const cpu = ((1000 * cpu_seconds) / images).toFixed(1);
  imagesPerSecond.push(Number(rate));
  cpuMs.push(Number(cpu));
  peakBytes.push(peak_bytes);
  process.stderr.write(
    `${name} ${precision}, ${workers} workers: ${rate} images/s, ${cpu} ms of CPU each\n`,
  );
}
