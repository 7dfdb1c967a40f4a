import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readBytes, writeAtomic } from '../base/index.ts';
import type { Source } from '../data/source.ts';

function fileOf(manifest: string): string {
  return `data_${manifest.slice(0, 16)}.digests`;
}

/**
 * Writes down the digest of every image file of a run's sources, 32 bytes a sample, one file a manifest:
 * should one of the files be another later, they tell which, and that the others are the same.
 */
export async function keepDigests(folder: string, sources: Iterable<Source>): Promise<void> {
  for (const { files, manifest } of sources) {
    const path = join(folder, fileOf(manifest.sha256));
    if (files !== undefined && !existsSync(path)) await writeAtomic(path, files.digests);
  }
}

/**
 * The digests under a manifest. Who uses them checks that they give its hash.
 * @param folders the first that has them counts
 */
export function readDigests(folders: readonly string[], manifest: string): Uint8Array | undefined {
  const path = folders.map((folder) => join(folder, fileOf(manifest))).find((it) => existsSync(it));
  return path === undefined ? undefined : readBytes(path);
}
