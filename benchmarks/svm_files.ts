/** Files that the SVM protocols of the original leave behind, under their names. */
import { existsSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { makeFolders, readText, writeAtomic } from '../harness/base/index.ts';
import type { BenchSet } from '../harness/benchmark/kit.ts';
import { NpyWriter } from '../harness/features/npy.ts';

/** An array of NumPy's, float64. */
export async function writeNumbers(
  path: string,
  shape: readonly number[],
  values: Float64Array,
): Promise<void> {
  makeFolders(dirname(path));
  const writer = await NpyWriter.open(path, 'float64', shape);
  await writer.append(values);
  await writer.finish();
}

/** `{image id: {class: score}}`, an image a line. */
export async function writePredictions(
  path: string,
  { classes, describe }: BenchSet,
  scores: readonly Float64Array[],
): Promise<void> {
  const count = scores[0]?.length ?? 0;
  const lines = Array.from({ length: count }, (_, i) => {
    const own = classes.map((name, c) => [name, scores[c]?.[i] ?? 0] as const);
    return `${JSON.stringify(idOf(describe(i)))}: ${JSON.stringify(Object.fromEntries(own))}`;
  });
  makeFolders(dirname(path));
  await writeAtomic(path, `{${lines.join(',\n')}}\n`);
}

function idOf(described: string): string {
  return basename(described, extname(described));
}

/**
 * Lines of a layer in `logs/eval_svm.log`, in place of those that an earlier try has left. Scripts that
 * read the original's log find what they look for.
 */
export async function writeEvalLog(
  folder: string,
  layer: string,
  lines: readonly string[],
): Promise<void> {
  const path = join(folder, 'logs', 'eval_svm.log');
  makeFolders(dirname(path));
  const before = existsSync(path) ? readText(path) : '';
  const others = before.split(/(?=^For feature: )/m).filter((part) => !starts(part, layer));
  const own = [`For feature: ${layer}`, ...lines].map((line) => `${line}\n`).join('');
  await writeAtomic(path, `${others.join('')}${own}`);
}

function starts(part: string, layer: string): boolean {
  return part === '' || part.startsWith(`For feature: ${layer}\n`);
}
