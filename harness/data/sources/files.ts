import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../base/errors.ts';
import { fileError } from '../../base/file_error.ts';
import { decodeImage } from '../images/decode.ts';
import type { Image } from '../images/image.ts';
import type { OpenOptions, Source } from '../source.ts';
import type { FileIndex } from './file_index.ts';
import { contentManifest, manifestHash } from './manifest.ts';

/**
 * A source of image files. Their content is hashed, or taken as hashed where a manifest is given.
 * @throws UserError that names the files where some cannot be read, or are not those of the manifest.
 */
export async function openFiles(index: FileIndex, options: OpenOptions): Promise<Source> {
  const { root, names, labels, classes } = index;
  const { manifest, digests } =
    options.manifest === undefined
      ? await contentManifest(index, options)
      : { manifest: options.manifest, digests: undefined };
  if (manifest.count !== names.length) {
    throw new UserError(
      `${root} has ${names.length} images, ${manifest.count} a moment ago; start again when nothing writes there`,
    );
  }
  const nameOf = (place: number) => {
    const name = names[place];
    if (name === undefined) throw new RangeError(`${root}: no image ${place}`);
    return name;
  };
  const pathOf = (place: number) => join(root, nameOf(place));
  const manifestOf = (others: Uint8Array) => manifestHash(others, labels);
  return {
    count: names.length,
    ...(labels === undefined ? {} : { labels }),
    ...(classes === undefined ? {} : { classes }),
    manifest,
    ...(digests === undefined ? {} : { files: { digests, name: nameOf, manifestOf } }),
    describe: pathOf,
    read: (place) => readImage(pathOf(place)),
  };
}

/** Reads and decodes an image file. */
async function readImage(path: string): Promise<Image> {
  return decodeImage(readBytes(path), path);
}

function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw fileError(path, cause);
  }
}
