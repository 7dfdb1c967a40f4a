import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { BREATH, breath } from '../../base/breath.ts';
import { cacheHome } from '../../base/cache_home.ts';
import { writeAtomic } from '../../base/files.ts';
import { sha256 } from '../../base/hash.ts';
import { joinedNames, splitNames } from './file_names.ts';

/** The content of a file as it was, and what told whether it has changed since. */
export interface Known {
  /** SHA-256, 32 bytes. */
  readonly digest: Uint8Array;
  readonly size: number;
  /** Of the last change, milliseconds since 1970. */
  readonly modified: number;
}

const MAGIC = 'reprise digests 1\n';
const RECORD = 32 + 8 + 8;
/** Coarsest time stamps of the file systems in use, milliseconds: FAT has 2 s. */
const TICK = 2000;

/**
 * What is known of the files under a folder, by relative path. Files changed so shortly before the
 * cache was written that a later change could bear the same time are not among them.
 * @param signal ends it, which throws its reason then
 */
export async function readKnown(root: string, signal?: AbortSignal): Promise<Map<string, Known>> {
  const known = new Map<string, Known>();
  let file: Buffer;
  let written: number;
  try {
    const path = cachePath(root);
    file = readFileSync(path);
    written = statSync(path).mtimeMs;
  } catch {
    return known; // none yet, or not readable: hashed anew
  }
  const start = MAGIC.length + 8;
  if (file.length < start || file.toString('latin1', 0, MAGIC.length) !== MAGIC) return known;
  const count = file.readDoubleLE(MAGIC.length);
  const end = start + count * RECORD;
  const names = count === 0 ? [] : splitNames(file.subarray(end));
  if (names.length !== count) return known;
  for (const [place, name] of names.entries()) {
    if (place % (16 * BREATH) === 0) await breath(signal);
    const at = start + place * RECORD;
    const modified = file.readDoubleLE(at + 40);
    if (modified > written - TICK) continue;
    const digest = file.subarray(at, at + 32);
    known.set(name, { digest, size: file.readDoubleLE(at + 32), modified });
  }
  return known;
}

/** Writes what is known; where that is impossible, the next start hashes once more. */
export async function writeKnown(root: string, known: ReadonlyMap<string, Known>): Promise<void> {
  const head = Buffer.alloc(MAGIC.length + 8 + known.size * RECORD);
  head.write(MAGIC, 'latin1');
  head.writeDoubleLE(known.size, MAGIC.length);
  let at = MAGIC.length + 8;
  for (const { digest, size, modified } of known.values()) {
    head.set(digest, at);
    head.writeDoubleLE(size, at + 32);
    head.writeDoubleLE(modified, at + 40);
    at += RECORD;
  }
  const names = joinedNames([...known.keys()]);
  try {
    await writeAtomic(cachePath(root), [head, names]);
  } catch {
    // no room, no permission, no home folder
  }
}

/** One file a data folder. */
function cachePath(root: string): string {
  return inUserCache('digests', `${sha256(root).slice(0, 32)}.bin`);
}

/** A path in the user's cache. */
export function inUserCache(...parts: readonly string[]): string {
  const base = cacheHome() ?? '/dev/null'; // without a home nothing is kept
  return join(base, 'reprise', ...parts);
}
