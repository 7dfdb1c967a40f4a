import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readBytes, writeAtomic } from '../harness/base/index.ts';
import type { BenchmarkDefinition } from '../harness/benchmark/definition.ts';
import { readRecord } from '../harness/record/record.ts';
import { benchesOf, benchPage, benchPictures } from './benchmark_comparison.ts';
import { weightsKey } from './benchmark_rows.ts';
import { comparisonCurve, comparisonPage, groupsOf } from './comparison.ts';
import { curveOf, curveSvg } from './curve.ts';
import { type Entry, isTraining, readEntries, readWorkDirs } from './entries.ts';
import { protocolsPage } from './protocols.ts';
import { readPublished } from './published.ts';
import { type Comparison, comparisonMarkdown, comparisonSvg } from './pytorch.ts';
import { zooHtml, zooMarkdown } from './zoo.ts';

/** Where records lie under the folder of pages. */
function recordsIn(folder: string): string {
  return join(folder, 'records');
}

function keyOf(experiment: string): string {
  return experiment.replaceAll('/', '_');
}

/**
 * Copies the checked record of a run, and what was published of it, under the experiment's name; of a
 * benchmark also under that of the weights.
 */
export async function keepRecord(workDir: string, folder: string): Promise<void> {
  const record = readRecord(workDir);
  const records = recordsIn(folder);
  const key =
    keyOf(record.experiment.name) +
    (isTraining({ key: '', record }) ? '' : `--${weightsKey(record)}`);
  const note = join(records, `${key}.weights.json`);
  // Whenever it is cut short, no record stands beside the weights of another run.
  rmSync(note, { force: true });
  await writeAtomic(join(records, `${key}.json`), readBytes(join(workDir, 'record.json')));
  const published = join(workDir, 'published.json');
  if (existsSync(published)) await writeAtomic(note, readBytes(published));
}

/** The records that are kept, and of a folder of work directories those that are not. */
export function entriesIn(folder: string, workDirs: string | undefined): Entry[] {
  const kept = readEntries(recordsIn(folder));
  const known = new Set(kept.map(({ record }) => record.seal));
  const found = workDirs === undefined ? [] : readWorkDirs(workDirs);
  return [...kept, ...found.filter(({ record }) => !known.has(record.seal))];
}

/**
 * Writes the model zoo, the learning curves, and the comparisons of methods and of weights by benchmarks.
 * @returns the zoo's page
 */
export async function writeZoo(folder: string, entries: readonly Entry[]): Promise<string> {
  const curves = new Set<string>();
  for (const { key, record } of entries) {
    if (!isTraining({ key, record }) || record.epochs.length < 3) continue; // one point is no curve
    await writeAtomic(join(folder, 'curves', `${key}.svg`), await curveSvg(curveOf(record)));
    curves.add(key);
  }
  const page = join(folder, 'MODEL_ZOO.md');
  const published = readPublished();
  await writeAtomic(page, zooMarkdown(entries, curves, published));
  await writeAtomic(join(folder, 'MODEL_ZOO.html'), zooHtml(entries, curves, published));
  for (const group of groupsOf(entries)) {
    const curve = `curves/comparison-${group.kind}.svg`;
    await writeAtomic(join(folder, curve), await comparisonCurve(group));
    await writeAtomic(join(folder, `METHODS-${group.kind}.md`), comparisonPage(group, curve));
  }
  for (const bench of benchesOf(entries)) {
    const pictures = await benchPictures(bench);
    for (const { file, svg } of pictures) await writeAtomic(join(folder, file), svg);
    const name = `BENCHMARKS-${bench.data}.md`;
    await writeAtomic(join(folder, name), benchPage(bench, pictures));
  }
  return page;
}

/** Writes the comparison of a run with PyTorch. @returns the page */
export async function writeComparison(folder: string, value: Comparison): Promise<string> {
  const name = `${keyOf(value.experiment)}-pytorch`;
  const curve = `curves/${name}.svg`;
  const page = comparisonMarkdown(value, curve);
  await writeAtomic(join(folder, `${name}.json`), `${JSON.stringify(value, null, 1)}\n`);
  await writeAtomic(join(folder, curve), await comparisonSvg(value));
  await writeAtomic(join(folder, `${name}.md`), page);
  return page;
}

/**
 * Makes the page of protocols anew where there is one beside the folder of pages: `docs/protocols.md`.
 * @returns its path, undefined where there is none
 */
export async function writeProtocols(
  folder: string,
  benchmarks: Readonly<Record<string, BenchmarkDefinition>>,
): Promise<string | undefined> {
  const page = join(folder, '..', 'docs/protocols.md');
  if (!existsSync(page)) return undefined;
  await writeAtomic(page, protocolsPage(benchmarks));
  return page;
}
