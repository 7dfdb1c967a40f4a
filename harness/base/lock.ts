import { close, closeSync, ftruncateSync, open, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import koffi from 'koffi';
import { UserError } from './errors.ts';
import { writeError } from './files.ts';

const EXCLUSIVE_NOW = 2 | 4; // LOCK_EX | LOCK_NB of flock(2)
const WOULD_BLOCK = 11; // EWOULDBLOCK
const INTERRUPTED = 4; // EINTR
const POLL_MS = 200;
const NAME = '.lock';

/** A held lock. The kernel frees it when its process ends, however it ends. */
export interface Lock {
  release(): void;
}

/**
 * Takes a folder for this process alone. The lock is the kernel's (`flock`), so one that a killed
 * process left behind does not bind anybody and needs no guessing by process number; the file holds
 * who has it, for the message.
 * @throws UserError naming the process that works in the folder.
 */
export function lockFolder(folder: string): Lock {
  const path = join(folder, NAME);
  const file = opened(path);
  const { code, errno } = flock(file);
  if (code !== 0) {
    closeSync(file);
    if (errno === WOULD_BLOCK) throw new UserError(inUse(folder, path));
    throw new UserError(
      `${folder}: its file system cannot lock files (error ${errno}); choose another --work_dir`,
    );
  }
  ftruncateSync(file);
  writeSync(file, `${process.pid}\n`);
  let held = true;
  return {
    release: () => {
      if (held) closeSync(file);
      held = false;
    },
  };
}

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
  for (let tries = 0; ; tries++) {
    const { code, errno } = flock(file);
    if (code === 0) return;
    if (errno === INTERRUPTED) continue;
    if (errno !== WOULD_BLOCK)
      throw new UserError(
        `engine: cannot lock ${path} (errno ${errno}); set XDG_CACHE_HOME to a folder on a local disk`,
      );
    if (tries === 0) waiting();
    await setTimeout(POLL_MS);
  }
}

function opened(path: string): number {
  try {
    return openSync(path, 'a+');
  } catch (cause) {
    throw writeError(path, cause);
  }
}

type Flock = (file: number, operation: number) => number;
let bound: Flock | undefined;

function flock(file: number): { readonly code: number; readonly errno: number } {
  bound ??= koffi.load('libc.so.6').func('int flock(int, int)') as Flock;
  const code = bound(file, EXCLUSIVE_NOW);
  return { code, errno: koffi.errno() };
}

function inUse(folder: string, path: string): string {
  const pid = readFileSync(path, 'utf8').trim();
  const who = pid === '' ? 'another process' : `process ${pid}`;
  return `${folder} is in use by ${who}, which is still running; wait for it, end it, or choose another --work_dir`;
}
