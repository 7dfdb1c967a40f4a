import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { z } from 'zod';
import { type DType, type HostArray, hostArray, sizeOf, typedView } from '../engine/array.ts';

const Listed = z.record(
  z.string(),
  z.object({
    shape: z.array(z.int()),
    dtype: z.enum(['float32', 'int64']),
    hex: z.string(),
  }),
);
const Packed = z.object({
  files: z.record(z.string(), z.string()),
  detector: Listed,
  backbone: Listed,
});
const PATH = fileURLToPath(new URL('../../golden/data/detectron/files.json.gz', import.meta.url));

/** Small files of detection weights that Python wrote, and what PyTorch says is in them. */
export interface DetectorFiles {
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** By detectron2's names. */
  readonly detector: ReadonlyMap<string, HostArray>;
  /** By a ResNet's names; its `fc.weight` is no part of the detector. */
  readonly backbone: ReadonlyMap<string, HostArray>;
}

/** Those of `tools/torch/detector_file_fixtures.py`. */
export function detectorFiles(): DetectorFiles {
  const packed = Packed.parse(JSON.parse(gunzipSync(readFileSync(PATH)).toString()));
  const files = Object.entries(packed.files).map(
    ([name, content]) => [name, Buffer.from(content, 'base64')] as const,
  );
  return {
    files: new Map(files),
    detector: arraysOf(packed.detector),
    backbone: arraysOf(packed.backbone),
  };
}

function arraysOf(listed: z.infer<typeof Listed>): ReadonlyMap<string, HostArray> {
  return new Map(
    Object.entries(listed).map(([name, { shape, dtype, hex }]) => [name, made(dtype, shape, hex)]),
  );
}

function made(dtype: DType, shape: readonly number[], hex: string): HostArray {
  const { buffer } = new Uint8Array(Buffer.from(hex, 'hex'));
  return hostArray(dtype, shape, typedView(dtype, buffer, 0, sizeOf(shape)));
}
