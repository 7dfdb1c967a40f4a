import { createHash } from 'node:crypto';
import {
  createReadStream,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { digestOf, type PinnedFile } from './pins.ts';

/** Which of the files a folder lacks. */
export function missingFiles(directory: string, names: readonly string[]): string[] {
  return names.filter((name) => sizeOf(join(directory, name)) === undefined);
}

/**
 * SHA-256 over the files of a folder (`digestOf`). It is remembered in the cache beside sizes and
 * times of change, as reading 850 MB would cost a second at each start.
 */
export async function openDirectory(
  directory: string,
  names: readonly string[],
  cache: string,
): Promise<string> {
  const note = noteOf(directory, names, cache);
  const remembered = readText(note);
  if (remembered !== undefined && /^[0-9a-f]{64}$/.test(remembered)) return remembered;
  const files: { name: string; sha256: string }[] = [];
  for (const name of names) files.push({ name, sha256: await hashFile(join(directory, name)) });
  const sha256 = digestOf(files);
  remember(note, sha256);
  return sha256;
}

/** Remembers the digest of files that were verified while they were written. */
export function rememberDirectory(
  directory: string,
  files: readonly PinnedFile[],
  cache: string,
): void {
  const names = files.map(({ name }) => name);
  remember(noteOf(directory, names, cache), digestOf(files));
}

/** What is wrong with a file, in words; undefined where it is what its pin says. */
export async function fault(
  directory: string,
  { name, bytes, sha256 }: PinnedFile,
): Promise<string | undefined> {
  const path = join(directory, name);
  const size = sizeOf(path);
  if (size === undefined) return `${path} is missing`;
  if (size !== bytes) return `${path} has ${size} bytes, expected ${bytes}`;
  const found = await hashFile(path);
  return found === sha256 ? undefined : `${path} has SHA-256 ${found}, expected ${sha256}`;
}

/** SHA-256 of a file, in hex. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}

/** Bytes of a file; undefined where there is none to be read. */
function sizeOf(path: string): number | undefined {
  try {
    const stat = statSync(path);
    return stat.isFile() ? stat.size : undefined;
  } catch {
    return undefined;
  }
}

function noteOf(directory: string, names: readonly string[], cache: string): string {
  const state = JSON.stringify([directory, ...names.map((name) => stateOf(join(directory, name)))]);
  return join(cache, 'directories', `${createHash('sha256').update(state).digest('hex')}.txt`);
}

function stateOf(path: string): [string, string] {
  const { size, mtimeNs } = statSync(path, { bigint: true });
  return [String(size), String(mtimeNs)];
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

// A cache that cannot be written costs a second at the next start, nothing else.
function remember(path: string, text: string): void {
  const temporary = `${path}.${process.pid}`;
  try {
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(temporary, text);
    renameSync(temporary, path);
  } catch {
    return;
  }
}
