import { closeSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { errorCode } from './error_code.ts';

/** Who holds a file that stands for a lock. */
export interface Owner {
  readonly host: string;
  readonly pid: number;
  /** When the process began, in the kernel's own count; tells a number that was given out again. */
  readonly started: string;
}

/** What came of making the file: it is ours, or somebody's, who may be unknown. */
export type Claim = { readonly kind: 'ours' } | { readonly kind: 'theirs'; readonly owner?: Owner };

const PATIENCE_MS = 500; // between the making of a file and its few bytes

/**
 * Takes a lock where the kernel has none: a file that only one process can make, with its host and process in it. One
 * that a process of this host left behind is taken over; of another host nobody can know.
 */
export async function claim(path: string): Promise<Claim> {
  for (let tries = 0; ; tries++) {
    if (made(path)) return { kind: 'ours' };
    const text = content(path);
    if (text === undefined) continue; // it was given back meanwhile
    const owner = ownerIn(text);
    if (owner === undefined && tries < 2) {
      await setTimeout(PATIENCE_MS); // its maker is about to write it, unless it died just then
      continue;
    }
    if (owner !== undefined && !gone(owner)) return { kind: 'theirs', owner };
    if (owner === undefined && tries > 3) return { kind: 'theirs' };
    if (!setAside(path, text)) return { kind: 'theirs' };
  }
}

/** Gives a claimed file back. */
export function giveBack(path: string): void {
  if (isUs(ownerIn(content(path) ?? ''))) rmSync(path, { force: true });
}

function isUs(owner: Owner | undefined): boolean {
  return owner?.host === hostname() && owner.pid === process.pid;
}

function made(path: string): boolean {
  let file: number;
  try {
    file = openSync(path, 'wx');
  } catch (cause) {
    if (errorCode(cause) === 'EEXIST') return false;
    throw cause;
  }
  const us: Owner = { host: hostname(), pid: process.pid, started: startOf(process.pid) ?? '' };
  try {
    writeSync(file, `${JSON.stringify(us)}\n`);
    return true;
  } catch (cause) {
    rmSync(path, { force: true });
    throw cause;
  } finally {
    closeSync(file);
  }
}

function content(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return undefined;
    throw cause;
  }
}

function ownerIn(text: string): Owner | undefined {
  try {
    const { host, pid, started }: { host?: unknown; pid?: unknown; started?: unknown } =
      JSON.parse(text);
    if (typeof host !== 'string' || typeof pid !== 'number') return undefined;
    return { host, pid, started: typeof started === 'string' ? started : '' };
  } catch {
    return undefined;
  }
}

/** Whether a holder of this host has ended. One of another host may be at work. */
function gone({ host, pid, started }: Owner): boolean {
  if (host !== hostname()) return false;
  if (!isAlive(pid)) return true;
  const now = startOf(pid);
  return started !== '' && now !== undefined && now !== started;
}

// Of two that do this at once, one may move away what the other has just made: it is put back then.
function setAside(path: string, stale: string): boolean {
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return true;
    throw cause;
  }
  if (content(aside) === stale) {
    rmSync(aside, { force: true });
    return true;
  }
  renameSync(aside, path);
  return false;
}

/** Whether a process of this host runs. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

/** The kernel's time of a process's start, where it says so (Linux). */
function startOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
