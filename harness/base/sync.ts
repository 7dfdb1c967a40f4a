import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { errorCode } from './error_code.ts';
import { noticeOnce } from './notices.ts';

/** What says that bytes did not reach the disk. Anything else says that the file system has no such call. */
const LOST = new Set(['EIO', 'ENOSPC', 'EDQUOT', 'EFBIG', 'ESTALE', 'ENOTCONN', 'ETIMEDOUT']);

/** What a rename fails with where the name is taken, on file systems that cannot replace a file. */
const TAKEN = new Set(['EEXIST', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL']);

/**
 * `fsync` of a file. A file system without it (some FUSE and network ones) writes when it likes: said once, and the
 * file is as safe as it can be there.
 */
export async function syncFile(file: FileHandle): Promise<void> {
  try {
    await file.sync();
  } catch (cause) {
    withoutSync(cause);
  }
}

/** The same for a folder: a rename is durable only once the folder that holds the name has reached the disk. */
export async function syncFolder(folder: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(folder, 'r');
    await handle.sync();
  } catch (cause) {
    withoutSync(cause);
  } finally {
    await handle?.close().catch(() => undefined); // nothing was written through it
  }
}

/**
 * `rename` over a file that may be there. Where the file system cannot replace one, the old one is removed first:
 * said once, because a crash between the two leaves the new content under its temporary name alone.
 */
export async function renameOver(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (cause) {
    const code = errorCode(cause) ?? '';
    if (!TAKEN.has(code)) throw cause;
    await rm(to, { force: true }).catch(() => Promise.reject(cause));
    await rename(from, to);
    noticeOnce(
      'rename',
      `${to}: its file system cannot replace a file in one move (${code}); the old one is removed first, so do not cut the power while a file is written`,
    );
  }
}

function withoutSync(cause: unknown): void {
  const code = errorCode(cause);
  if (code === undefined || LOST.has(code)) throw cause;
  const { path = '' } = cause as NodeJS.ErrnoException;
  const where = path === '' ? '' : `${path}: `;
  noticeOnce(
    'fsync',
    `${where}the file system cannot say when files have reached the disk (fsync: ${code}); a power cut may take the newest checkpoint, and the run goes on from the one before`,
  );
}
