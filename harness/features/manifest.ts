import { join } from 'node:path';
import { z } from 'zod';
import {
  type Difference,
  differences,
  kindOfPath,
  readJson,
  Sha256,
  UserError,
  writeAtomic,
} from '../base/index.ts';
import type { LayerUse } from './layers.ts';

const FORMAT = 'reprise-features-1';

/** What decides features: equal values give equal bytes. */
const Origin = z.strictObject({
  format: z.literal(FORMAT),
  set: z.string(),
  layer: z.string(),
  pooling: z.string(),
  shape: z.tuple([z.int(), z.int()]),
  /** SHA-256 over the tensors that take part, whatever file they came from. */
  weights: Sha256,
  backbone: z.looseObject({}),
  sobel: z.boolean(),
  /** Of the set's manifest: names and content of all images, and their order. */
  data: Sha256,
  pipeline: z.array(z.looseObject({})),
  /** Side of the images, pixels. */
  size: z.int(),
  mean: z.array(z.number()),
  std: z.array(z.number()),
  precision: z.string(),
  /** Images at a time. */
  batch: z.int(),
  lanes: z.int(),
  /** SHA-256 of libtensorflow. */
  library: Sha256,
  /** Id of the numerics for this precision. Made before there were ids: that of the fingerprint. */
  platform: z.string(),
});
export type Origin = z.input<typeof Origin>;

const Manifest = z.strictObject({ ...Origin.shape, sha256: Sha256 });
/** What a file of features is, beside it as JSON. */
export type Manifest = z.output<typeof Manifest>;

/** Where features lie: `SET_feat5.npy`, and with its pooling behind where that is not the specified one. */
export function featurePaths(folder: string, set: string, { layer, pooling }: LayerUse) {
  const name = `${set}_${layer}${pooling === 'specified' ? '' : `_${pooling}`}`;
  return { name, array: join(folder, `${name}.npy`), manifest: join(folder, `${name}.json`) };
}

/** The format that is written. */
export function originOf(rest: Omit<Origin, 'format'>): Origin {
  return { format: FORMAT, ...rest };
}

export async function writeManifest(path: string, origin: Origin, sha256: Sha256): Promise<void> {
  await writeAtomic(path, `${JSON.stringify({ ...origin, sha256 }, null, 2)}\n`);
}

/**
 * What a manifest says, where it says that the features are those that are wanted; else why they are
 * not, in words. Undefined where there is none.
 */
export function manifestFor(path: string, origin: Origin): Manifest | string | undefined {
  if (kindOfPath(path) === undefined) return undefined;
  let value: unknown;
  try {
    value = readJson(path, 'the manifest of features');
  } catch (error) {
    if (error instanceof UserError) return 'the manifest cannot be read';
    throw error;
  }
  const found = Manifest.safeParse(value);
  if (!found.success) return 'the manifest is of another version';
  const { sha256: _, ...rest } = found.data;
  const parted = differences(rest, JSON.parse(JSON.stringify(origin)));
  return parted.length === 0 ? found.data : changesText(parted);
}

/** The fields that changed, each once and in words. */
function changesText(parted: readonly Difference[]): string {
  const names = new Set(parted.map(({ path }) => path.split('.')[0] ?? path));
  return `${[...names].join(', ')} changed`;
}
