import { readFileSync } from 'node:fs';
import { UserError } from '../../base/errors.ts';
import { fileError } from '../../base/file_error.ts';
import { decodeImage } from '../images/decode.ts';
import type { Manifest, OpenOptions, Source } from '../source.ts';
import type { FileIndex } from './file_index.ts';
import { pathOf, shownPath } from './file_names.ts';
import { contentManifest, manifestHash } from './manifest.ts';
import { type SharedFiles, sharedName, shareFiles } from './shared_files.ts';

/**
 * A source of image files. Their content is hashed, or taken as hashed where a manifest is given.
 * @throws UserError that names the files where some cannot be read, or are not those of the manifest.
 */
export async function openFiles(index: FileIndex, options: OpenOptions): Promise<Source> {
  const { root, names, labels, marks, classes, where } = index;
  const { manifest, digests } =
    options.manifest === undefined
      ? await contentManifest(index, options)
      : { manifest: options.manifest, digests: undefined };
  if (manifest.count !== names.length) {
    throw new UserError(
      `${root} has ${names.length} images, ${manifest.count} a moment ago; start again when nothing writes there`,
    );
  }
  let shared: SharedFiles | undefined;
  const name = (place: number) => {
    const found = names[place];
    if (found === undefined) throw new RangeError(`${root}: no image ${place}`);
    return found;
  };
  const manifestOf = (others: Uint8Array) => manifestHash(others, index);
  return {
    ...sourceOf(root, (place) => names[place], manifest),
    ...(labels === undefined ? {} : { labels }),
    ...(marks === undefined ? {} : { marks }),
    ...(classes === undefined ? {} : { classes }),
    ...(digests === undefined ? {} : { files: { digests, name, manifestOf } }),
    ...(where === undefined ? {} : { where }),
    share: () => {
      shared ??= shareFiles(root, names);
      return shared;
    },
  };
}

/** A source as another thread has opened it, without its labels. */
export function openShared(files: SharedFiles, manifest: Manifest): Source {
  return sourceOf(files.root, (place) => sharedName(files, place), manifest);
}

function sourceOf(
  root: string,
  nameOf: (place: number) => string | undefined,
  manifest: Manifest,
): Source {
  const name = (place: number) => {
    const found = nameOf(place);
    if (found === undefined) throw new RangeError(`${root}: no image ${place}`);
    return found;
  };
  const describe = (place: number) => shownPath(root, name(place));
  const bytes = (place: number) => {
    try {
      return readFileSync(pathOf(root, name(place)));
    } catch (cause) {
      throw fileError(describe(place), cause);
    }
  };
  return {
    count: manifest.count,
    manifest,
    describe,
    bytes,
    read: async (place) => decodeImage(bytes(place), describe(place)),
  };
}
