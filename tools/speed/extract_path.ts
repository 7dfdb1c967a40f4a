import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { inTemporaryFolder } from '../../harness/base/index.ts';
import type { ViewSpec } from '../../harness/data/spec.ts';
import { toOIHW } from '../../harness/engine/layout.ts';
import type { Precision } from '../../harness/engine/precision.ts';
import { openImageSet } from '../../harness/evaluation/image_set.ts';
import type { Images } from '../../harness/features/extractor.ts';
import { LAYERS } from '../../harness/features/layers.ts';
import { openFeatureStore } from '../../harness/features/store.ts';
import { initialValue } from '../../harness/nn/initialise.ts';
import { resnet, resnetSpec } from '../../harness/nn/resnet.ts';
import { stream } from '../../harness/random/stream.ts';
import { root } from '../command/root.ts';
import { startTimed } from './timed_process.ts';

export const BATCH = 32;
export const WARMUP = 2; // batches
const THREADS = 2;
const SIZE = 224;

/** As VOC's images are brought to a network, docs/reference/benchmarks.md, section 2.2. */
const PIPELINE: ViewSpec = [
  { kind: 'resize', size: 256, interpolation: 'bilinear' },
  { kind: 'squash', interpolation: 'bilinear' },
];

/** A run from the files to arrays of features. */
const ExtractRun = z.looseObject({
  seconds: z.number(),
  /** Processor seconds of all threads and processes. */
  cpu_seconds: z.number(),
  /** The most memory of all processes together. */
  peak_bytes: z.number(),
});
export type ExtractRun = z.infer<typeof ExtractRun>;

export interface ExtractOptions {
  /** JPEG paths, one a line; taken as often as needed. */
  readonly files: string;
  /** That are timed. */
  readonly images: number;
  readonly workers: number;
  readonly precision: Precision;
}

/** Five pooled layers of a ResNet-50 of random weights, kept in files. In a process of its own. */
export async function ourExtraction(options: ExtractOptions): Promise<ExtractRun> {
  const { images, workers, precision } = options;
  const files = readFileSync(options.files, 'utf8').trim().split('\n');
  return inTemporaryFolder('reprise-', async (folder) => {
    const total = images + WARMUP * BATCH;
    const lines = Array.from({ length: total }, (_, i) => `${files[i % files.length]} 0`);
    writeFileSync(join(folder, 'list.txt'), `${lines.join('\n')}\n`);
    const spec = { kind: 'list', root: '/', file: 'list.txt', labelled: true } as const;
    const setup = { spec, data: folder, pipeline: PIPELINE, size: SIZE, batch: BATCH, workers };
    const { set, run } = timed(await openImageSet(setup, 'images'));
    const uses = LAYERS.map((layer) => ({ layer, pooling: 'specified' }) as const);
    const store = await openFeatureStore({
      folder: join(folder, 'features'),
      network: { backbone: resnetSpec.parse({ depth: 50 }), sobel: false },
      weights: randomWeights(),
      settings: {
        ...{ batch: BATCH, precision },
        normalise: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
      },
      sets: { all: { images: set, pipeline: PIPELINE, size: SIZE, uses } },
      threads: THREADS,
    });
    await store.features('all', 'feat5', 'specified');
    store.dispose();
    return run();
  });
}

/** The same images, with a watch on the batches behind the first ones. */
function timed(set: Images): { readonly set: Images; readonly run: () => ExtractRun } {
  let start = 0;
  let before = process.cpuUsage();
  let peak = 0;
  let result: ExtractRun | undefined;
  async function* images() {
    let batch = 0;
    for await (const piece of set.images()) {
      peak = Math.max(peak, memory());
      yield piece;
      if (++batch !== WARMUP) continue;
      start = performance.now();
      before = process.cpuUsage();
    }
    const { user, system } = process.cpuUsage(before);
    const seconds = (performance.now() - start) / 1000;
    result = { seconds, cpu_seconds: (user + system) / 1e6, peak_bytes: peak };
  }
  const run = () => {
    if (result === undefined) throw new Error('extraction: no images were taken');
    return result;
  };
  return { set: { ...set, images }, run };
}

/** Proportional set size, as PyTorch's side measures it. */
function memory(): number {
  const text = readFileSync('/proc/self/smaps_rollup', 'utf8');
  return 1024 * Number(/^Pss:\s*(\d+)/m.exec(text)?.[1]);
}

function randomWeights() {
  const { parameters, buffers } = resnet(resnetSpec.parse({ depth: 50 })).module;
  return new Map(
    [...parameters, ...buffers].map(([name, spec]) => {
      const value = initialValue(spec, stream(0, 'init', name));
      return [name, value.shape.length === 4 ? toOIHW(value) : value];
    }),
  );
}

/** Ours, in a process of its own. */
export async function ourSide({ files, ...numbers }: ExtractOptions): Promise<ExtractRun> {
  const script = resolve(root, 'scripts/bench_extract.mjs');
  const line = [process.execPath, script, '--ours', '--json', '--files', resolve(files)];
  return ExtractRun.parse(await startTimed([...line, ...flagsOf(numbers)]).result());
}

/** PyTorch's. @param layout of tensors in memory: contiguous or channels_last */
export async function torchSide(
  { files, ...numbers }: ExtractOptions,
  { python, layout }: { readonly python: string; readonly layout: string },
): Promise<ExtractRun> {
  const script = resolve(root, 'tools/torch/bench_extract.py');
  return inTemporaryFolder('reprise-', async (out) => {
    const line = [python, script, '--files', resolve(files), '--layout', layout, '--out', out];
    return ExtractRun.parse(await startTimed([...line, ...flagsOf(numbers)]).result());
  });
}

function flagsOf(values: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(values).flatMap(([key, value]) => [`--${key}`, String(value)]);
}
