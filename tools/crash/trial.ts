import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { clock } from '../../harness/base/index.ts';
import { readRecord } from '../../harness/record/record.ts';
import type { CrashTrial } from '../../reports/crashes.ts';

export interface Blow {
  readonly kind: CrashTrial['kind'];
  readonly rank: number;
  /** Seconds after the first line of the run. */
  readonly after: number;
}

export interface TrialSetup {
  /** The command that trains in `folder`, with its restarts. */
  readonly command: readonly string[];
  readonly folder: string;
  readonly blow: Blow;
  /** Seconds until it counts as hung. */
  readonly limit: number;
}

const NOTICED = /rank \d+|lost|no sign of life|killed/;
const run = promisify(execFile);

/**
 * Starts a run, strikes it once, and sees how it ends.
 * @returns `seconds` from its first line to its end
 */
export async function tryOnce({
  command,
  folder,
  blow,
  limit,
}: TrialSetup): Promise<{ readonly trial: CrashTrial; readonly seconds: number }> {
  const [file = '', ...words] = command;
  const child = spawn(file, words, { stdio: ['ignore', 'ignore', 'pipe'] });
  let struck: number | undefined;
  let noticed: number | undefined;
  const begun = new Promise<void>((done) => {
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      done();
      if (struck !== undefined && NOTICED.test(text)) noticed ??= clock.seconds() - struck;
    });
    child.once('close', () => done());
  });
  const ended = endOf(child, limit);
  await begun;
  const from = clock.seconds();
  await Promise.race([pause(blow.after), ended]);
  const hit = child.exitCode === null && (await strike(blow, folder));
  if (hit) struck = clock.seconds();
  const code = await ended;
  if (hit) noticed ??= clock.seconds() - (struck ?? 0);
  const left = [...processesOf(folder).map(({ pid }) => `process ${pid}`), ...halfWritten(folder)];
  const trial = { ...blow, hit, left, ...known({ code, noticed, chain: chainIn(folder) }) };
  return { trial, seconds: clock.seconds() - from };
}

function known<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return JSON.parse(JSON.stringify(values)); // without what is undefined
}

function chainIn(folder: string): string | undefined {
  try {
    const { epochs, finished } = readRecord(folder);
    return finished ? epochs.at(-1)?.chain : undefined;
  } catch {
    return undefined; // no run, or one that never came to a record
  }
}

async function strike({ kind, rank }: Blow, folder: string): Promise<boolean> {
  const found = processesOf(folder).find((one) => one.rank === rank);
  if (found === undefined) return false;
  try {
    if (kind === 'kill') process.kill(found.pid, 'SIGKILL');
    else if (kind === 'stop') process.kill(found.pid, 'SIGSTOP');
    else await run('nsenter', ['-t', String(found.pid), '-n', 'ip', 'link', 'set', 'lo', 'down']);
    return true;
  } catch {
    return false; // it has ended in between
  }
}

/** The processes that compute in a folder, by the place that the launcher gave them. */
function processesOf(folder: string): { readonly pid: number; readonly rank: number }[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
      const place = /(?:^|\0)REPRISE_PLACE=([^\0]*)/.exec(
        readFileSync(`/proc/${name}/environ`, 'utf8'),
      )?.[1];
      if (!words.includes(folder) || place === undefined) return [];
      const rank: unknown = JSON.parse(place).rank;
      return typeof rank === 'number' ? [{ pid: Number(name), rank }] : [];
    } catch {
      return []; // it has ended, or is not ours
    }
  });
}

function halfWritten(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => /\.tmp|temporary/.test(name));
  } catch {
    return [];
  }
}

function endOf(child: ChildProcess, limit: number): Promise<number | undefined> {
  return new Promise((done) => {
    const late = setTimeout(() => {
      child.kill('SIGKILL');
      done(undefined);
    }, limit * 1000);
    child.once('close', (code) => {
      clearTimeout(late);
      done(code ?? 1);
    });
  });
}

function pause(seconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, seconds * 1000));
}
