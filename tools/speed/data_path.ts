import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { always, inTemporaryFolder } from '../../harness/base/index.ts';
import { Loader } from '../../harness/data/loader/loader.ts';
import { sourceSpec, viewSpec } from '../../harness/data/spec.ts';
import { startEngine } from '../../harness/engine/index.ts';
import { speed } from '../../methods/moco.recipes.ts';
import type { DataReport } from '../../reports/data_speed.ts';
import { root } from '../command/root.ts';
import { startTimed } from './timed_process.ts';

const BATCH = 32;
export const WARMUP = 64; // images
const SIZE = 224;

/** A run from the files to batches. */
const DataRun = z.looseObject({
  seconds: z.number(),
  /** Processor seconds of all threads and processes. */
  cpu_seconds: z.number(),
});
export type DataRun = z.infer<typeof DataRun>;

/** Our loader, over files taken as often as needed. @param images that are timed */
export async function ourDataPath(
  files: readonly string[],
  images: number,
  workers: number,
): Promise<DataRun> {
  await startEngine(); // as in training: the loader decodes by its library
  return inTemporaryFolder('reprise-', async (folder) => {
    const lines = Array.from({ length: images + WARMUP }, (_, i) => files[i % files.length]);
    writeFileSync(join(folder, 'list.txt'), `${lines.join('\n')}\n`);
    const loader = await openLoader(join(folder, 'list.txt'), folder, workers);
    return always(
      () => timedEpoch(loader),
      () => loader.dispose(),
    );
  });
}

function openLoader(file: string, data: string, workers: number): Promise<Loader> {
  return Loader.open({
    spec: sourceSpec.parse({ kind: 'list', root: '/', file }),
    data,
    seed: 0,
    pipelines: (speed.pipelines?.(SIZE) ?? []).map((view) => viewSpec.parse(view)),
    size: SIZE,
    replicas: 1,
    batch: BATCH,
    dropLast: false,
    replacement: false,
    draws: [],
    workers,
  });
}

async function timedEpoch(loader: Loader): Promise<DataRun> {
  let seen = 0;
  let start = 0;
  let before = process.cpuUsage();
  for await (const { indices } of loader.epoch(0)) {
    if (seen === WARMUP) {
      start = performance.now();
      before = process.cpuUsage();
    }
    seen += indices.length;
  }
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(before);
  return { seconds, cpu_seconds: (user + system) / 1e6 };
}

export interface TorchDataOptions {
  /** Python with torch. */
  readonly python: string;
  /** JPEG paths, one a line. */
  readonly files: string;
  /** That are timed. */
  readonly images: number;
}

/** torchvision's, with a backend of tools/torch/bench_data.py. */
export async function torchDataPath(
  backend: string,
  workers: number,
  { python, files, images }: TorchDataOptions,
): Promise<DataRun> {
  const script = resolve(root, 'tools/torch/bench_data.py');
  const counts = { workers, batch: BATCH, images, warmup: WARMUP, backend };
  const flags = Object.entries(counts).flatMap(([key, value]) => [`--${key}`, String(value)]);
  const line = [python, script, '--files', resolve(files), ...flags];
  return DataRun.parse(await startTimed(line).result());
}

/** Versions of PyTorch's side. */
export async function torchVersions(python: string): Promise<DataReport['versions']> {
  const versions = z.object({ torch: z.string(), torchvision: z.string(), pillow: z.string() });
  const names = { torch: 'torch', torchvision: 'torchvision', pillow: 'PIL' };
  const pairs = Object.entries(names).map(([key, name]) => `"${key}": ${name}.__version__`);
  const code = `import json, ${Object.values(names)}; print(json.dumps({${pairs}}))`;
  return versions.parse(await startTimed([python, '-c', code]).result());
}
