import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { always } from './always.ts';
import { UserError } from './errors.ts';
import { writeError } from './files.ts';
import { flock } from './flock.ts';
import { noticeOnce } from './notices.ts';
import { type Claim, claim, giveBack } from './owner.ts';

const POLL_MS = 200;
const NAME = '.lock';
/** Beside a lock that the kernel cannot hold. */
const OWNER = '.owner';

/** A held lock. The kernel frees it when its process ends, however it ends. */
export interface Lock {
  /**
   * Checks that the locked folder is still the one at its path.
   * @throws UserError when it was removed, moved away or replaced by another
   */
  check(): void;
  release(): void;
}

/**
 * Takes a folder for this process alone. The lock is the kernel's (`flock`), so one that a killed
 * process left behind does not bind anybody and needs no guessing by process number; the file holds
 * who has it, for the message. Where the file system has no such lock, a file stands for it that only
 * one process can make.
 * @throws UserError naming the process that works in the folder.
 */
export async function lockFolder(folder: string): Promise<Lock> {
  const path = join(folder, NAME);
  const file = opened(path);
  try {
    const { kind, ...refused } = flock(file);
    if (kind === 'taken') throw new UserError(inUse(folder, readFileSync(path, 'utf8').trim()));
    if (kind === 'unsupported') await claimed(folder, path + OWNER, refused);
    ftruncateSync(file);
    writeSync(file, `${process.pid}\n`);
    return new FolderLock(folder, file, kind === 'held' ? undefined : path + OWNER);
  } catch (cause) {
    closeSync(file);
    throw cause;
  }
}

class FolderLock implements Lock {
  private readonly folder: string;
  private readonly file: number;
  private readonly owner: string | undefined;
  private readonly place: Stats;
  // Held open, so that no other folder is given its number.
  private readonly handle: number;
  private held = true;

  constructor(folder: string, file: number, owner: string | undefined) {
    this.folder = folder;
    this.file = file;
    this.owner = owner;
    this.handle = openSync(folder, 'r');
    this.place = fstatSync(this.handle);
  }

  check(): void {
    const now = statSync(this.folder, { throwIfNoEntry: false });
    if (now?.ino === this.place.ino && now.dev === this.place.dev) return;
    // Some network file systems number a folder anew: then our lock file is still in it.
    const lock = statSync(join(this.folder, NAME), { throwIfNoEntry: false });
    const ours = fstatSync(this.file);
    if (lock !== undefined && lock.ino === ours.ino && lock.dev === ours.dev) return;
    const what = now === undefined ? 'removed or moved away' : 'replaced by another folder';
    throw new UserError(
      `${this.folder} was ${what} while the run wrote into it; nothing was written since. ` +
        'Put it back with what it holds and go on with --resume_from auto, or begin anew',
    );
  }

  release(): void {
    if (!this.held) return;
    this.held = false;
    if (this.owner !== undefined) giveBack(this.owner);
    closeSync(this.handle);
    closeSync(this.file);
  }
}

/**
 * Runs `body` while no other process holds the lock on this file. The kernel keeps the lock and
 * drops it with its holder, however that ends: no lock is ever stale. Without locks of the kernel as
 * `lockFolder`.
 * @param waiting called once when another process has it
 * @throws UserError naming a holder on another host
 */
export async function withLock<T>(
  path: string,
  waiting: () => void,
  body: () => Promise<T>,
): Promise<T> {
  // Node opens files close-on-exec: a child that outlives this process does not keep the lock.
  const file = opened(path);
  let owner: string | undefined;
  return always(
    async () => {
      owner = await acquire(file, path, waiting);
      return body();
    },
    () => owner !== undefined && giveBack(owner),
    () => closeSync(file),
  );
}

/** @returns the file that stands for the lock, where the kernel has none */
async function acquire(
  file: number,
  path: string,
  waiting: () => void,
): Promise<string | undefined> {
  for (let tries = 0; ; tries++) {
    const { kind, ...refused } = flock(file);
    if (kind === 'held') return undefined;
    if (kind === 'unsupported') {
      noticeUnlocked(path, refused);
      const found = await claim(path + OWNER);
      if (found.kind === 'ours') return path + OWNER;
      if (elsewhere(found)) throw new UserError(claimedBy(path, path + OWNER, found));
    }
    if (tries === 0) waiting();
    await setTimeout(POLL_MS);
  }
}

async function claimed(
  folder: string,
  owner: string,
  refused: { readonly errno?: number },
): Promise<void> {
  noticeUnlocked(folder, refused);
  const found = await claim(owner);
  if (found.kind === 'theirs') throw new UserError(claimedBy(folder, owner, found));
}

function noticeUnlocked(path: string, { errno }: { readonly errno?: number }): void {
  noticeOnce(
    'flock',
    `${path}: its file system has no locks (flock: error ${errno}); a file named *${OWNER} with host and process stands for one`,
  );
}

function opened(path: string): number {
  try {
    return openSync(path, 'a+');
  } catch (cause) {
    throw writeError(path, cause);
  }
}

function elsewhere(found: Claim): boolean {
  return found.kind === 'theirs' && (found.owner === undefined || found.owner.host !== hostname());
}

function inUse(folder: string, pid: string): string {
  const who = pid === '' ? 'another process' : `process ${pid}`;
  return `${folder} is in use by ${who}, which is still running; wait for it, end it, or choose another --work_dir`;
}

function claimedBy(place: string, file: string, found: Claim): string {
  const owner = found.kind === 'theirs' ? found.owner : undefined;
  if (owner?.host === hostname()) return inUse(place, String(owner.pid));
  const who = owner === undefined ? 'a process' : `process ${owner.pid} of host ${owner.host}`;
  return (
    `${place} is in use by ${who}, and from here nobody can see whether that still runs; ` +
    `wait for it, or remove ${file} if it has ended`
  );
}
