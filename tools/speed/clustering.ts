import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { kMeans } from '../../harness/clustering/kmeans.ts';
import { startEngine } from '../../harness/engine/index.ts';
import { fillNormal, stream } from '../../harness/random/stream.ts';
import type { ClusteringRun } from '../../reports/clustering_speed.ts';
import { root } from '../command/root.ts';

/** A clustering that is timed. */
export interface ClusteringShape {
  /** Points. */
  readonly count: number;
  /** Numbers of a point. */
  readonly width: number;
  readonly clusters: number;
  /** Moves of the centroids. */
  readonly iterations: number;
}

/** What both sides read: rows of normal numbers, scaled to length 1, and some of them to begin with. */
export interface ClusteringFiles {
  readonly points: string;
  readonly init: string;
}

export function clusteringFiles(folder: string): ClusteringFiles {
  return { points: join(folder, 'points'), init: join(folder, 'init') };
}

export async function writePoints(
  files: ClusteringFiles,
  { count, width, clusters }: ClusteringShape,
): Promise<void> {
  const points = fillNormal(stream(0, 'points'), new Float32Array(count * width), 1);
  for (let row = 0; row < count; row++) {
    const own = points.subarray(row * width, (row + 1) * width);
    const length = Math.sqrt(own.reduce((sum, x) => sum + x * x, 0));
    own.forEach((x, i) => {
      own[i] = x / length;
    });
  }
  const places = stream(0, 'init').permutation(count).slice(0, clusters);
  const init = new Float32Array(clusters * width);
  places.forEach((place, c) => {
    init.set(points.subarray(place * width, (place + 1) * width), c * width);
  });
  await writeFile(files.points, points);
  await writeFile(files.init, init);
}

/** Our side, once: from points in memory to the label of each. */
export async function ourClustering(
  files: ClusteringFiles,
  { width, clusters, iterations }: Omit<ClusteringShape, 'count'>,
): Promise<ClusteringRun> {
  const [points, init] = [await floats(files.points), await floats(files.init)];
  await startEngine();
  const begin = performance.now();
  const found = await kMeans(points, width, {
    clusters,
    iterations,
    init,
    stream: (purpose) => stream(0, purpose),
  });
  const seconds = (performance.now() - begin) / 1000;
  const Package = z.object({ version: z.string() });
  const { version } = Package.parse(
    JSON.parse(await readFile(resolve(root, 'package.json'), 'utf8')),
  );
  return { version, seconds, iterations: found.iterations, inertia: found.inertia };
}

async function floats(file: string): Promise<Float32Array> {
  const { buffer, byteOffset, byteLength } = await readFile(file);
  return new Float32Array(buffer, byteOffset, byteLength / 4);
}
