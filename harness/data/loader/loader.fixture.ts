import { createHash } from 'node:crypto';
import { sourceSpec, viewSpec } from '../spec.ts';
import type { Batch } from './batch.ts';
import type { LoaderSetup } from './loader.ts';

export const opener = new URL('../../testing/source.ts', import.meta.url).href;
export const pipeline = viewSpec.parse([
  { kind: 'randomResizedCrop', scale: [0.2, 1] },
  { kind: 'colorJitter', brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1, p: 0.8 },
  { kind: 'grayscale' },
  { kind: 'blur' },
  { kind: 'flip' },
]);
/** Two views of 37 images for two replicas of four, made in the caller's thread. */
export const base: LoaderSetup = {
  spec: sourceSpec.parse({ kind: 'generated', count: 37, size: 16 }),
  data: '',
  seed: 5,
  pipelines: [pipeline, pipeline],
  size: 12,
  replicas: 2,
  batch: 4,
  dropLast: false,
  replacement: false,
  draws: ['shuffle'],
  workers: 0,
  opener,
};

/** Of all that batches have, but labels and keys of chance. */
export function hashOf(batches: readonly Batch[]): string {
  const hash = createHash('sha256');
  for (const { views, indices, draws } of batches)
    for (const part of [...views, indices, ...Object.values(draws)])
      hash.update(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  return hash.digest('hex');
}
