import { UserError } from '../base/index.ts';
import type { Extractor, Images, Rows } from './extractor.ts';
import type { LayerUse } from './layers.ts';
import { type featurePaths, type Manifest, type Origin, writeManifest } from './manifest.ts';
import { NpyWriter } from './npy.ts';

/** A file of features to be written. */
export interface FeatureFile {
  readonly use: LayerUse;
  readonly paths: ReturnType<typeof featurePaths>;
  readonly origin: Origin;
}

export interface WriteOptions {
  readonly signal?: AbortSignal | undefined;
  readonly tell: (line: string) => void;
}

const TOLD = 10; // lines of progress of a set

/**
 * Writes the features of a set, a file for each layer of the extractor, as batches come. Each file
 * appears whole, its manifest after it; where the work is broken off, no file is left.
 * @throws UserError naming the first image whose features are not finite; where the disk is full.
 */
export async function writeFeatures(
  extractor: Extractor,
  images: Images,
  files: readonly FeatureFile[],
  { signal, tell }: WriteOptions,
): Promise<readonly Manifest[]> {
  const writers: NpyWriter[] = [];
  const names = files.map(({ paths }) => paths.name).join(', ');
  try {
    for (const { paths, origin } of files)
      writers.push(await NpyWriter.open(paths.array, 'float32', origin.shape));
    let told = 0;
    for await (const rows of extractor.rows(images, signal)) {
      checkFinite(rows, images, files);
      for (const [i, values] of rows.layers.entries()) await writers[i]?.append(values);
      const done = Math.floor((TOLD * rows.first) / images.count);
      if (done > told) tell(`features ${names}: ${rows.first} of ${images.count} images`);
      told = done;
    }
    const manifests: Manifest[] = [];
    for (const [i, { paths, origin }] of files.entries()) {
      const sha256 = await writers[i]?.finish();
      if (sha256 === undefined) throw new Error(`features: no file for ${paths.name}`);
      await writeManifest(paths.manifest, origin, sha256);
      manifests.push({ ...origin, sha256 } as Manifest);
    }
    return manifests;
  } catch (error) {
    for (const writer of writers) await writer.abandon();
    throw error;
  }
}

function checkFinite({ first, layers }: Rows, images: Images, files: readonly FeatureFile[]): void {
  for (const [i, values] of layers.entries()) {
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad < 0) continue;
    const { use, origin } = files[i] ?? {};
    const image = images.describe(first + Math.floor(bad / (origin?.shape[1] ?? 1)));
    throw new UserError(
      `features: those of ${image} are not finite (${use?.layer} is ${values[bad]}); the weights hold ` +
        'no numbers, or ones too large: use those of another epoch, or precision fp32 in place of bf16',
    );
  }
}
