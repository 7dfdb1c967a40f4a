import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { readText, UserError, writeAtomic } from '../../harness/base/index.ts';
import { dataMarkdown, dataReport, summariseData } from '../../reports/data_speed.ts';
import {
  ourDataPath,
  type TorchDataOptions,
  torchDataPath,
  torchVersions,
  WARMUP,
} from './data_path.ts';
import { processor, today } from './machine.ts';

export interface DataOptions extends Omit<TorchDataOptions, 'files'> {
  /** JPEG paths, one a line. */
  readonly files: string | undefined;
  /** Runs of every side. */
  readonly rounds: number;
  /** Only our side, nothing written. */
  readonly ours: boolean;
  /** Folder of the report. */
  readonly out: string;
  readonly date: string | undefined;
}

interface Side {
  readonly name: string;
  readonly workers: number;
  readonly imagesPerSecond: number[];
  readonly cpuMs: number[];
}

/**
 * Times the data path of MoCo v2 against torchvision's.
 * @returns what was found
 */
export async function dataAgainstTorch(options: DataOptions): Promise<object> {
  const { files: list, images, rounds, ours, out, date, python } = options;
  if (list === undefined) throw new UserError('bench_data needs --files LIST');
  const files = readText(list).trim().split('\n');
  const sides = sidesOf(ours);
  for (let round = 0; round < rounds; round++)
    // The order is turned from round to round, so that no side always runs on a machine at rest.
    for (const side of round % 2 === 0 ? sides : [...sides].reverse())
      await timeOnce(side, files, { python, images, files: list });
  if (ours) return { sides };
  const report = dataReport.parse({
    date: date ?? today(),
    machine: processor(),
    versions: await torchVersions(python),
    images,
    warmup: WARMUP,
    files: files.length,
    sides,
  });
  await writeAtomic(resolve(out, 'data_speed.json'), `${JSON.stringify(report, null, 2)}\n`);
  await writeAtomic(resolve(out, 'data_speed.md'), dataMarkdown(report));
  return summariseData(report);
}

function sidesOf(oursAlone: boolean): Side[] {
  const cores = availableParallelism();
  const ours = [1, cores].map((workers) => ({ name: 'reprise', workers }));
  const theirs = [
    ...['pil', 'tensor', 'tensor9'].map((name) => ({ name, workers: cores })),
    { name: 'pil', workers: cores + 1 },
  ];
  const all = oursAlone ? ours : [...ours, ...theirs];
  return all.map((side) => ({ ...side, imagesPerSecond: [], cpuMs: [] }));
}

async function timeOnce(
  { name, workers, imagesPerSecond, cpuMs }: Side,
  files: readonly string[],
  options: TorchDataOptions,
): Promise<void> {
  const { images } = options;
  const { seconds, cpu_seconds } =
    name === 'reprise'
      ? await ourDataPath(files, images, workers)
      : await torchDataPath(name, workers, options);
  const rate = (images / seconds).toFixed(1);
  const cpu = ((1000 * cpu_seconds) / images).toFixed(2);
  imagesPerSecond.push(Number(rate));
  cpuMs.push(Number(cpu));
  process.stderr.write(`${name}, ${workers} workers: ${rate} images/s, ${cpu} ms of CPU each\n`);
}
