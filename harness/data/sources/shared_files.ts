import { decodeName, joinedNames } from './file_names.ts';

/**
 * Names of files in memory that threads share, so that none looks for the files again: 1.28 million of
 * them are some 60 MB, once.
 */
export interface SharedFiles {
  /** Folder that the names are relative to. */
  readonly root: string;
  /** The bytes of the names, with a NUL between each two. */
  readonly bytes: Uint8Array;
  /** Where each name ends, uint32 [count]. */
  readonly ends: Uint32Array;
}

/** Of a source made of sources, by part; a part without files has none. */
export interface SharedParts {
  readonly parts: readonly (Shared | undefined)[];
  /** Of a subset: its samples, by their index in the part. */
  readonly picked?: Int32Array;
}

export type Shared = SharedFiles | SharedParts;

/** @param names without NUL */
export function shareFiles(root: string, names: readonly string[]): SharedFiles {
  const joined = joinedNames(names);
  const bytes = new Uint8Array(new SharedArrayBuffer(joined.length));
  bytes.set(joined);
  const ends = new Uint32Array(new SharedArrayBuffer(names.length * Uint32Array.BYTES_PER_ELEMENT));
  for (let place = 0, at = 0; place < names.length; place++) {
    const end = joined.indexOf(0, at);
    ends[place] = end < 0 ? joined.length : end;
    at = end + 1;
  }
  return { root, bytes, ends };
}

/** Undefined beyond the last. */
export function sharedName({ bytes, ends }: SharedFiles, place: number): string | undefined {
  const end = ends[place];
  if (end === undefined) return undefined;
  const start = place === 0 ? 0 : (ends[place - 1] ?? 0) + 1;
  return decodeName(bytes.subarray(start, end));
}
