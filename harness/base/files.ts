import { readdirSync, rmSync, statfsSync } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errorCode } from './error_code.ts';
import { UserError } from './errors.ts';
import { makeFolders } from './folders.ts';
import { isAlive } from './owner.ts';
import { shownPath } from './shown_path.ts';
import { renameOver, syncFile, syncFolder } from './sync.ts';

export { errorCode };

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
  const temporary = temporaryOf(path);
  try {
    makeFolders(folder);
    await writeSynced(temporary, content);
    await renameOver(temporary, path);
    await syncFolder(folder);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw writeError(path, cause);
  }
}

/** A name beside a path that nobody else takes, and that `sweepTemporaries` knows. */
export function temporaryOf(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}-${serial++}.tmp`);
}

/** Removes the temporary files that killed processes left in a folder; those of live ones stay. */
export function sweepTemporaries(folder: string): void {
  for (const name of namesIn(folder)) {
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

/**
 * A UserError for a failed write where the user can mend it, else the cause itself.
 * @param remedy in place of choosing another folder
 */
export function writeError(path: string, cause: unknown, remedy?: string): unknown {
  const code = errorCode(cause);
  const mend = code === undefined ? undefined : MENDS[code];
  if (mend === undefined) return cause;
  const words = remedy === undefined ? mend : `${mend.split(';')[0]}; ${remedy}`;
  const free = FULL.has(code ?? '') ? freeSpace(dirname(path)) : '';
  const message = `cannot write ${shownPath(path)}: ${words}${free}`;
  return new UserError(`${message}; what was there before is untouched`, { cause });
}

const FULL = new Set(['ENOSPC', 'EDQUOT']);
const MENDS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full; free some space or choose another folder',
  EDQUOT: 'the disk quota is used up; free some space or choose another folder',
  EFBIG: 'it would pass the largest file size allowed here; raise `ulimit -f`',
  EROFS: 'the file system is read-only; choose another folder',
  EACCES: 'permission denied; choose another folder',
  EPERM: 'permission denied; choose another folder',
  EEXIST: 'a parent of it is a file, not a folder; choose another path',
  ENOTDIR: 'a parent of it is a file, not a folder; choose another path',
  EISDIR: 'there is a folder of that name; choose another path',
  ENOENT:
    'its folder is not there, or a link in its path leads nowhere; make the folder, or choose another path',
  ELOOP: 'a link in its path leads to itself; remove the link, or choose another path',
  ENAMETOOLONG: 'its name is too long for the file system; choose a shorter one',
  EIO: 'the disk reports an error; check it, or choose another folder',
  EMFILE: 'this process has too many open files; raise `ulimit -n`',
  ENFILE: 'the system has too many open files; end what holds them',
  EBUSY: 'it is in use by something else; end that, or choose another folder',
  ETXTBSY: 'it is a program that runs; choose another path',
  ENXIO: 'nobody reads from that pipe; start its reader first, or choose another path',
  ENODEV: 'it is no regular file; choose another path',
  EINVAL: 'its file system does not take that name or write; choose another path',
  ESTALE: 'it is gone from the network file system; mount it again, or choose another folder',
  ENOTCONN: 'the file system is not connected any more; mount it again, or choose another folder',
  ETIMEDOUT: 'the network file system does not answer; mount it again, or choose another folder',
  EHOSTDOWN: 'the network file system does not answer; mount it again, or choose another folder',
  ERR_INVALID_ARG_VALUE: 'it holds a character that no path can have; correct the path',
};

async function writeSynced(path: string, content: Content): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await writeAll(file, content);
    await syncFile(file);
  } finally {
    await file.close();
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (cause) {
    throw writeError(folder, cause); // nothing can be swept, nor written
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
