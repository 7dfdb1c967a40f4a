import { lstatSync, openSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { errorCode } from './error_code.ts';
import { UserError } from './errors.ts';
import { shownPath } from './shown_path.ts';

/** What went wrong with a file that was to be read, and how to mend it, by the system's code. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'is not there; correct the path, or put it back',
  ENOTDIR: 'is not there: a part of its path is a file; correct the path',
  EISDIR: 'is a folder, expected a file; name a file in it',
  EACCES:
    'may not be read; change its permissions, e.g. `chmod +r`, and `chmod +x` of the folders above it',
  EPERM: 'may not be read; change its permissions, e.g. `chmod +r`',
  EIO: 'cannot be read: the disk reports an error; check the disk and copy the file again',
  ELOOP: 'is a link that leads to itself; remove it, or name what it should lead to',
  ENXIO: 'is no regular file; name a file',
  ENODEV: 'is no regular file; name a file',
  ENAMETOOLONG: 'has a name that is too long for the file system; correct the path',
  EMFILE: 'cannot be opened: this process has too many open files; raise `ulimit -n`',
  ENFILE: 'cannot be opened: the system has too many open files; end what holds them',
  ENOMEM: 'cannot be read: there is too little memory; end other programs',
  ESTALE: 'is gone from the network file system; mount it again',
  ETIMEDOUT: 'cannot be read: the network file system does not answer; mount it again',
  EHOSTDOWN: 'cannot be read: the network file system does not answer; mount it again',
  ENOTCONN: 'cannot be read: the file system is not connected any more; mount it again',
  EINVAL: 'cannot be read: its file system refuses; copy it to a local disk',
  ENOSPC: 'cannot be written: the disk is full; free some space',
  EDQUOT: 'cannot be written: the disk quota is used up; free some space',
  EROFS: 'cannot be written: the file system is read-only; choose another path',
  EFBIG: 'cannot be written: it would pass the largest file size allowed here; raise `ulimit -f`',
  EEXIST: 'is there already; choose another path, or remove it',
  ENOTEMPTY: 'is a folder with something in it; empty it, or choose another path',
  EXDEV: 'lies on another file system; choose a path on the same one',
  EBUSY: 'is in use by something else; end that, or choose another path',
  ERR_INVALID_ARG_VALUE: 'holds a character that no path can have; correct the path',
  ERR_FS_FILE_TOO_LARGE:
    'is larger than a file can be that is read at once (2 GiB); name another file',
  ERR_STRING_TOO_LONG: 'is larger than a text can be (512 MiB); name another file',
};

/**
 * One sentence of path, cause and mend for a failed access to a file, where a user can mend it; any other cause as
 * it is.
 */
export function fileError(path: string, cause: unknown): unknown {
  const code = errorCode(cause) ?? '';
  const reason = (code === 'ENOENT' ? danglingReason(path) : undefined) ?? REASONS[code];
  return reason === undefined ? cause : new UserError(`${shownPath(path)} ${reason}`, { cause });
}

// `ls` shows such a link, so that "is not there" alone would not be believed.
function danglingReason(path: string): string | undefined {
  try {
    const target = readlinkSync(path);
    return `is a link to ${shownPath(target)}, which is not there; put that back, or name another file`;
  } catch {
    return undefined;
  }
}

/**
 * What a path is; undefined where nothing is there.
 * @throws UserError where that cannot be told: a link loop, a folder that may not be entered, a part
 *   that is a file, a name that no file can have.
 */
export function kindOfPath(path: string): 'file' | 'folder' | 'other' | undefined {
  try {
    const stats = statSync(path);
    return stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : 'other';
  } catch (cause) {
    const error = fileError(path, cause);
    if (errorCode(cause) === 'ENOENT' && !isLink(path)) return undefined;
    throw error;
  }
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}

/** What an access to a file gives. @throws UserError that names the file, and why it cannot be read. */
export function reading<T>(path: string, access: () => T): T {
  try {
    return access();
  } catch (cause) {
    throw fileError(path, cause);
  }
}

/** The bytes of a file. Throws as `reading`. */
export function readBytes(path: string): Buffer {
  return reading(path, () => readFileSync(path));
}

/** The text of a UTF-8 file. Throws as `reading`. */
export function readText(path: string): string {
  return reading(path, () => readFileSync(path, 'utf8'));
}

/** The number of an opened file, which who asked for it closes. Throws as `reading`. */
export function openToRead(path: string): number {
  return reading(path, () => openSync(path, 'r'));
}

/** As `readText`, for files that take long. */
export async function readTextSlowly(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw fileError(path, cause);
  }
}

/**
 * What the system says of a failed call, as one sentence, where nothing nearer to it has named the file: the last
 * resort of a command. Undefined for an error that is no system error.
 */
export function systemErrorText(error: unknown): string | undefined {
  const code = errorCode(error);
  if (code === undefined || !(error instanceof Error)) return undefined;
  const { path, syscall } = error as NodeJS.ErrnoException;
  if (path !== undefined && REASONS[code] !== undefined)
    return `${shownPath(path)} ${REASONS[code]}`;
  if (syscall === undefined) return undefined;
  const what = path === undefined ? '' : ` of ${shownPath(path)}`;
  const reason = (REASONS[code] ?? error.message)
    .replace(/^cannot be written: /, '')
    .replace(/^(is|may|has|cannot|lies) /, 'it $1 ');
  return `the system refused ${syscall}${what}: ${reason}`;
}
