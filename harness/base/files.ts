import { readdirSync, rmSync, statfsSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UserError } from './errors.ts';
import { makeFolders } from './folders.ts';

/** What a file is written from: text, bytes, or pieces that follow each other. */
export type Content = string | Uint8Array | Iterable<Uint8Array>;

const TEMPORARY = /^\..+\.(\d+)-(\d+)\.tmp$/;
let serial = 0;

/**
 * Writes a file so that a reader, or a crash at any moment, finds the old content or the new, never
 * a part: temporary file in the same folder, fsync, rename, fsync of the folder. Parents are made.
 * @throws UserError when the disk is full or the place cannot be written; the old file is untouched
 *   and the temporary one removed.
 */
export async function writeAtomic(path: string, content: Content): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${process.pid}-${serial++}.tmp`);
  try {
    makeFolders(folder);
    await writeSynced(temporary, content);
    await rename(temporary, path);
    await syncFolder(folder);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw writeError(path, cause);
  }
}

/** Removes the temporary files that killed processes left in a folder; those of live ones stay. */
export function sweepTemporaries(folder: string): void {
  for (const name of readdirSync(folder)) {
    const pid = TEMPORARY.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) rmSync(join(folder, name), { force: true });
  }
}

/** Writes every byte of every piece; a short write is continued, never accepted. */
export async function writeAll(file: FileHandle, content: Content): Promise<void> {
  for (const piece of piecesOf(content)) {
    for (let done = 0; done < piece.length; ) {
      const { bytesWritten } = await file.write(piece, done, piece.length - done);
      done += bytesWritten;
    }
  }
}

/** A UserError for a failed write where the user can mend it, else the cause itself. */
export function writeError(path: string, cause: unknown): unknown {
  const code = errorCode(cause);
  const mend = code === undefined ? undefined : MENDS[code];
  if (mend === undefined) return cause;
  const message = `cannot write ${path}: ${mend}${freeSpace(dirname(path))}`;
  return new UserError(`${message}; what was there before is untouched`, { cause });
}

/** The code of a Node system error (`ENOSPC`, …), if it is one. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

const MENDS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full; free some space or choose another --work_dir',
  EDQUOT: 'the disk quota is used up; free some space or choose another --work_dir',
  EFBIG: 'it would pass the largest file size allowed here; raise `ulimit -f`',
  EROFS: 'the file system is read-only; choose another --work_dir',
  EACCES: 'permission denied; choose another --work_dir',
  EPERM: 'permission denied; choose another --work_dir',
  EEXIST: 'a parent of it is a file, not a folder',
  ENOTDIR: 'a parent of it is a file, not a folder',
};

async function writeSynced(path: string, content: Content): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await writeAll(file, content);
    await file.sync();
  } finally {
    await file.close();
  }
}

// The rename itself is durable only once the folder that holds the name has reached the disk.
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function piecesOf(content: Content): Iterable<Uint8Array> {
  if (typeof content === 'string') return [Buffer.from(content)];
  return content instanceof Uint8Array ? [content] : content;
}

function freeSpace(folder: string): string {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return ` (${((bavail * bsize) / 2 ** 20).toFixed(1)} MiB free)`;
  } catch {
    return '';
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}
