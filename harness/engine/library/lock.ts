import { close, open } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import koffi from 'koffi';
import { UserError } from '../../base/errors.ts';

const LOCK_EX = 2;
const LOCK_NB = 4;
const POLL_MS = 200;

/**
 * Runs `body` while no other process holds the lock on this file. The kernel keeps the lock and
 * drops it with its holder, however that ends: no lock is ever stale.
 * @param waiting called once when another process has it
 * @throws UserError where the file system has no locks
 */
export async function withLock<T>(
  path: string,
  waiting: () => void,
  body: () => Promise<T>,
): Promise<T> {
  // Node opens files close-on-exec: a child that outlives this process does not keep the lock.
  const file = await promisify(open)(path, 'a');
  try {
    await acquire(file, path, waiting);
    return await body();
  } finally {
    await promisify(close)(file);
  }
}

async function acquire(file: number, path: string, waiting: () => void): Promise<void> {
  const flock = koffi.load('libc.so.6').func('int flock(int file, int operation)');
  for (let tries = 0; flock(file, LOCK_EX | LOCK_NB) !== 0; tries++) {
    const code = koffi.errno();
    if (code === koffi.os.errno.EINTR) continue;
    if (code !== koffi.os.errno.EAGAIN)
      throw new UserError(
        `engine: cannot lock ${path} (errno ${code}); set XDG_CACHE_HOME to a folder on a local disk`,
      );
    if (tries === 0) waiting();
    await setTimeout(POLL_MS);
  }
}
