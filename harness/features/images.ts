import { type OrderedSetup, orderedImages } from '../data/loader/ordered_images.ts';
import { openSource } from '../data/open_source.ts';
import { hashingProgress } from '../log/hashing.ts';
import type { Images } from './extractor.ts';

/**
 * Opens images of which nothing but the features is wanted: labels or none, one class each or several.
 * @param path of the source in its spec, for messages
 * @throws UserError where the source cannot be opened
 */
export async function openImages(options: OrderedSetup, path: string): Promise<Images> {
  const { spec, data, signal } = options;
  const source = await openSource(spec, { data, onProgress: hashingProgress(path), signal });
  return {
    count: source.count,
    sha256: source.manifest.sha256,
    describe: (index) => source.describe(index),
    images: () => orderedImages({ ...options, source }),
  };
}
