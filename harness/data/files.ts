import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { errorCode } from '../run/files.ts';
import { decodeImage } from './decode.ts';
import type { Image } from './image.ts';
import { contentManifest } from './manifest.ts';
import type { OpenOptions, Source } from './source.ts';

/** Image files in a fixed order: what a folder or a list comes to, before a byte is read. */
export interface FileIndex {
  /** Folder that the names are relative to. */
  readonly root: string;
  /** Relative paths, with /. */
  readonly names: readonly string[];
  readonly labels?: Int32Array;
  readonly classes?: readonly string[];
  readonly notes: readonly string[];
}

/**
 * A source of image files. Their content is hashed, or taken as hashed where a manifest is given.
 * @throws UserError that names the files where some cannot be read, or are not those of the manifest.
 */
export async function openFiles(index: FileIndex, options: OpenOptions): Promise<Source> {
  const { root, names, labels, classes } = index;
  const manifest = options.manifest ?? (await contentManifest(index, options));
  if (manifest.count !== names.length) {
    throw new UserError(
      `${root} has ${names.length} images, ${manifest.count} a moment ago; start again when nothing writes there`,
    );
  }
  const pathOf = (place: number) => {
    const name = names[place];
    if (name === undefined) throw new RangeError(`${root}: no image ${place}`);
    return join(root, name);
  };
  return {
    count: names.length,
    ...(labels === undefined ? {} : { labels }),
    ...(classes === undefined ? {} : { classes }),
    manifest,
    describe: pathOf,
    read: (place) => readImage(pathOf(place)),
  };
}

/** Reads and decodes an image file. */
export async function readImage(path: string): Promise<Image> {
  return decodeImage(readBytes(path), path);
}

function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw fileError(path, cause);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'is not there; put it back or take it off the list',
  ENOTDIR: 'is not there: a part of its path is a file; correct the path',
  EISDIR: 'is a folder, expected an image file; name the files in it',
  EACCES: 'may not be read; change its permissions, e.g. `chmod +r`',
  EPERM: 'may not be read; change its permissions, e.g. `chmod +r`',
  EIO: 'cannot be read: the disk reports an error; check the disk and copy the file again',
  ELOOP: 'is a link that leads to itself; remove it',
  ENXIO: 'is no regular file, expected an image file; take it off the list',
  ENAMETOOLONG: 'has a name that is too long for the file system; correct the path',
};

/** What a failed access to a file means to the user. */
export function fileError(path: string, cause: unknown): unknown {
  const reason = REASONS[errorCode(cause) ?? ''];
  return reason === undefined ? cause : new UserError(`${path} ${reason}`, { cause });
}
