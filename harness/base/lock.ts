import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import koffi from 'koffi';
import { UserError } from './errors.ts';
import { writeError } from './files.ts';

const EXCLUSIVE_NOW = 2 | 4; // LOCK_EX | LOCK_NB of flock(2)
const WOULD_BLOCK = 11; // EWOULDBLOCK
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
