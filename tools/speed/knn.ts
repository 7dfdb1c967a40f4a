import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { inTemporaryFolder, writeAtomic } from '../../harness/base/index.ts';
import { startEngine } from '../../harness/engine/index.ts';
import { nearestRows } from '../../harness/evaluation/nearest_rows.ts';
import { inMemory } from '../../harness/evaluation/row_source.ts';
import { fillNormal, stream } from '../../harness/random/stream.ts';
import {
  type KnnReport,
  type KnnRun,
  knnMarkdown,
  knnReport,
  knnRun,
} from '../../reports/knn_speed.ts';
import { root } from '../command/root.ts';
import { processor, today } from './machine.ts';
import { startTimed } from './timed_process.ts';

export interface KnnShape {
  readonly references: number;
  readonly queries: number;
  readonly k: number;
  readonly threads: number;
}

export interface KnnAgainst extends KnnShape {
  /** Python with PyTorch. */
  readonly python: string;
  readonly width: readonly string[];
  /** Runs of each side. */
  readonly rounds: number;
  /** Folder of the report. */
  readonly out: string;
  readonly date: string | undefined;
}

/** Times the search against PyTorch's, and writes the report. */
export async function knnAgainst(
  options: KnnAgainst,
): Promise<{ readonly report: KnnReport; readonly page: string }> {
  const { references, queries, k, threads, date, out } = options;
  const widths = options.width.length > 0 ? options.width.map(Number) : [512, 2048];
  const searches = [];
  for (const width of widths)
    searches.push(await inTemporaryFolder('knn-', (folder) => searchesOf(folder, width, options)));
  const shape = { references, queries, k, threads };
  const when = { date: date ?? today(), machine: processor() };
  const report = knnReport.parse({ ...when, ...shape, searches });
  const page = knnMarkdown(report);
  await writeAtomic(resolve(out, 'knn_speed.json'), `${JSON.stringify(report, null, 2)}\n`);
  await writeAtomic(resolve(out, 'knn_speed.md'), page);
  return { report, page };
}

async function searchesOf(folder: string, width: number, options: KnnAgainst) {
  const { references, queries, k, threads, python, rounds } = options;
  await writeFile(filesOf(folder).references, normal('references', references * width));
  await writeFile(filesOf(folder).queries, normal('queries', queries * width));
  const sizes = ['--width', width, '--k', k, '--threads', threads].map(String);
  const own = [resolve(root, 'scripts/bench_knn.mjs'), '--json', '--side', folder, ...sizes];
  const files = [filesOf(folder).references, filesOf(folder).queries];
  const theirs = [resolve(root, 'tools/torch/bench_knn.py'), ...files, ...sizes];
  const ours: KnnRun[] = [];
  const torch: KnnRun[] = [];
  for (let round = 0; round < rounds; round++) {
    ours.push(knnRun.parse(await startTimed([process.execPath, ...own]).result()));
    torch.push(knnRun.parse(await startTimed([python, ...theirs]).result()));
  }
  return { width, ours, torch };
}

function filesOf(folder: string) {
  return { references: join(folder, 'references'), queries: join(folder, 'queries') };
}

function normal(name: string, size: number): Float32Array {
  return fillNormal(stream(0, name), new Float32Array(size), 1);
}

/** Our side, once: from rows in memory to neighbours. */
export async function ourKnn(
  folder: string,
  { width, k, threads }: Pick<KnnShape, 'k' | 'threads'> & { readonly width: number },
): Promise<KnnRun> {
  const [references, queries] = [
    await rowsIn(filesOf(folder).references, width),
    await rowsIn(filesOf(folder).queries, width),
  ];
  await startEngine();
  const [begin, before] = [performance.now(), process.cpuUsage()];
  const found = await nearestRows(references, queries, { k, threads });
  const seconds = (performance.now() - begin) / 1000;
  const { user, system } = process.cpuUsage(before);
  const total = found.similarities.reduce((sum, value) => sum + value, 0);
  const similarity = total / found.similarities.length;
  const Package = z.object({ version: z.string() });
  const text = await readFile(resolve(root, 'package.json'), 'utf8');
  const { version } = Package.parse(JSON.parse(text));
  return {
    version,
    seconds,
    cpu: (user + system) / 1e6,
    similarity,
    first: found.indices[0] ?? -1,
  };
}

async function rowsIn(file: string, width: number) {
  const { buffer, byteOffset, byteLength } = await readFile(file);
  return inMemory({ features: new Float32Array(buffer, byteOffset, byteLength / 4), width });
}
