import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startEngine } from '../../harness/engine/index.ts';
import { stream } from '../../harness/random/stream.ts';
import { fitClasses } from '../../harness/svm/one_vs_rest.ts';
import { rowScales, rowsOf } from '../../harness/svm/rows.ts';
import type { SvmRun } from '../../reports/svm_speed.ts';

/** Features whose machines are timed. */
export interface SvmShape {
  readonly count: number;
  readonly width: number;
  readonly classes: number;
}

/** The protocol's costs. */
export const COSTS: readonly number[] = [
  ...[1, 10, 100],
  ...Array.from({ length: 16 }, (_, i) => 0.5 ** (i + 4)),
];
export const FOLDS = 3;
const LATENT = 48;

/** What both sides read. */
export function svmFiles(folder: string) {
  return { features: join(folder, 'features'), labels: join(folder, 'labels') };
}

/**
 * Features like those of pooled layers behind a ReLU: some directions that fall off as a power, on which
 * the classes depend, and noise of each feature's own; no value below 0, about a fifth of them 0. Classes
 * are as frequent as VOC07's: from 4 % of the images to 40 %.
 */
export async function writeFeatures(folder: string, shape: SvmShape): Promise<void> {
  const { count, width, classes } = shape;
  const draws = stream(0, 'features');
  const mixing = Float32Array.from({ length: LATENT * width }, () => draws.normal());
  const bias = Float32Array.from({ length: width }, () => draws.normal() + 1.2);
  const features = new Float32Array(count * width);
  const latent = new Float32Array(count * LATENT);
  for (let i = 0; i < count; i++) {
    const own = latent.subarray(i * LATENT, (i + 1) * LATENT);
    for (let l = 0; l < LATENT; l++) own[l] = draws.normal() * 0.8 * (l + 1) ** -0.5;
    const row = features.subarray(i * width, (i + 1) * width);
    for (const [l, z] of own.entries())
      for (let d = 0; d < width; d++) row[d] = (row[d] ?? 0) + z * (mixing[l * width + d] ?? 0);
    for (let d = 0; d < width; d++) {
      const level = (row[d] ?? 0) + (bias[d] ?? 0);
      row[d] = Math.max(0, level + draws.normal()) + Math.max(0, level + draws.normal());
    }
  }
  const files = svmFiles(folder);
  await writeFile(files.features, features);
  await writeFile(files.labels, drawLabels(latent, { count, width, classes }));
}

/** int8 [N, classes], 1 or -1. */
function drawLabels(latent: Float32Array, { count, classes }: SvmShape): Int8Array {
  const labels = new Int8Array(count * classes).fill(-1);
  for (let c = 0; c < classes; c++) {
    const draws = stream(0, 'labels', c);
    const direction = Float64Array.from({ length: LATENT }, () => draws.normal());
    const scores = Float64Array.from({ length: count }, (_, i) => {
      let sum = draws.normal();
      for (const [l, u] of direction.entries()) sum += u * (latent[i * LATENT + l] ?? 0);
      return sum;
    });
    const share = c === 0 ? 0.4 : 0.04 + (0.1 * c) / classes;
    const bound = scores.slice().sort()[Math.floor(count * (1 - share))] ?? 0;
    for (const [i, score] of scores.entries()) if (score >= bound) labels[i * classes + c] = 1;
  }
  return labels;
}

/** Our side, once: from features in memory to every class's costs, machines and chosen cost. */
export async function ourMachines(
  folder: string,
  { width, classes }: Omit<SvmShape, 'count'>,
): Promise<SvmRun> {
  const files = svmFiles(folder);
  const { buffer, byteOffset, byteLength } = await readFile(files.features);
  const rows = rowsOf(new Float32Array(buffer, byteOffset, byteLength / 4), width);
  const marks = new Int8Array(await readFile(files.labels));
  const labels = Array.from({ length: classes }, (_, c) =>
    Int8Array.from({ length: rows.count }, (_, i) => marks[i * classes + c] ?? 0),
  );
  await startEngine();
  const [begin, before] = [performance.now(), process.cpuUsage()];
  const scales = await rowScales(rows, 1e-5, 'features');
  const fits = await fitClasses(
    { rows, scales, intercept: 1 },
    labels,
    { costs: COSTS, folds: FOLDS, weights: { positive: 2, negative: 1 } },
    { threads: 0 },
  );
  const { user, system } = process.cpuUsage(before);
  return {
    seconds: (performance.now() - begin) / 1000,
    processorSeconds: (user + system) / 1e6,
    peakBytes: process.resourceUsage().maxRSS * 1024,
    objectives: fits.map(({ objectives }) => [...objectives]),
  };
}
