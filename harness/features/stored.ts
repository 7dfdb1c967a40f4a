import { breath, filePieces, kindOfPath, sha256Slowly, UserError } from '../base/index.ts';
import type { LayerFeatures } from './layers.ts';
import type { Manifest } from './manifest.ts';
import { openNpy } from './npy.ts';

/**
 * The features in a file, or in words why they are not those that its manifest is of.
 * @param trust `trusted` where this process wrote the file just now, so that its bytes are not read again
 */
export async function openFeatures(
  path: string,
  { sha256, shape: [count, width] }: Manifest,
  signal: AbortSignal | undefined,
  trust: 'checked' | 'trusted' = 'checked',
): Promise<LayerFeatures | string> {
  if (kindOfPath(path) === undefined) return 'the file is not there';
  if (trust === 'checked') {
    await breath(signal);
    if ((await sha256Slowly(filePieces(path))) !== sha256)
      return 'the bytes of the file are not those that were written';
  }
  const file = openNpy(path);
  if (file.dtype !== 'float32' || String(file.shape) !== String([count, width]))
    return `the file holds ${file.dtype} [${file.shape}], expected float32 [${[count, width]}]`;
  return {
    count,
    width,
    sha256,
    rows: async (first, some) => {
      const values = file.rows(first, some);
      if (!(values instanceof Float32Array)) throw new UserError(`${path}: float32 expected`);
      return values;
    },
  };
}
