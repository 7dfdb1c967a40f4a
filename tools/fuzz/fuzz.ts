import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Order } from './fuzz.child.ts';
import type { Finding, Tally, TargetName } from './target.ts';

const START = fileURLToPath(new URL('./start.mjs', import.meta.url));
const SLICE = 5000; // files that one process tries
const HANG_SECONDS = 60; // without a further file
const SHOWN = 1500; // characters of what a process that crashed said last

/** What came of many files. */
export interface Outcome {
  /** What is wrong, each with the command that does it again; none where all is well. */
  readonly faults: readonly string[];
  readonly tally: Tally;
}

/**
 * Tries files that a seed makes for a target, in processes of their own: one that crashes or hangs is a
 * fault of the file that it had before it.
 * @param count how many besides the fixed ones
 */
export async function fuzz(name: TargetName, seed: number, count: number): Promise<Outcome> {
  const faults: string[] = [];
  let tally: Tally = { files: 0, taken: 0, slowestSeconds: 0, largestBytes: 0 };
  for (let first = 0; first < count; first += SLICE) {
    const order = { name, seed, first, end: Math.min(first + SLICE, count) };
    const part = await slice(order);
    faults.push(...part.faults.map((fault) => described(name, seed, fault)));
    tally = {
      files: tally.files + part.tally.files,
      taken: tally.taken + part.tally.taken,
      slowestSeconds: Math.max(tally.slowestSeconds, part.tally.slowestSeconds),
      largestBytes: Math.max(tally.largestBytes, part.tally.largestBytes),
    };
  }
  return { faults, tally };
}

function described(name: TargetName, seed: number, { serial, what }: Finding): string {
  return `${name}, seed ${seed}, file ${serial}: ${what}\nagain: node scripts/fuzz.mjs ${name} --seed ${seed} --file ${serial}`;
}

/** What is wrong with one file of a seed, which is written to a path; empty where nothing is. */
export async function fuzzOne(
  name: TargetName,
  seed: number,
  serial: number,
  path: string,
): Promise<readonly string[]> {
  const first = Math.max(serial, 0);
  const { faults } = await slice({ name, seed, first, end: first + 1, keep: { serial, path } });
  return faults.filter((fault) => fault.serial === serial).map(({ what }) => what);
}

async function slice(order: Omit<Order, 'progress'>) {
  const folder = mkdtempSync(join(tmpdir(), 'fuzz-'));
  const progress = join(folder, 'progress');
  const child = spawn(process.execPath, [START, JSON.stringify({ ...order, progress })], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      said[stream] = (said[stream] + text).slice(stream === 'stderr' ? -SHOWN : 0);
    });
  const at = () => Number(textOf(progress) || NaN);
  let [before, since, hung] = [NaN, Date.now(), false];
  const watch = setInterval(() => {
    if (at() !== before) [before, since] = [at(), Date.now()];
    else if (Date.now() - since > 1000 * HANG_SECONDS) hung = child.kill('SIGKILL');
  }, 1000);
  const end = await new Promise<string>((done) =>
    child.on('close', (code, signal) => done(signal ?? `code ${code}`)),
  );
  clearInterval(watch);
  const serial = at();
  rmSync(folder, { recursive: true });
  return {
    ...parsed(
      said.stdout,
      serial,
      hung ? `hung for ${HANG_SECONDS} s` : `ended the process (${end}): ${said.stderr}`,
    ),
  };
}

/** Findings and tally; without a tally the process did not come to its end. */
function parsed(stdout: string, serial: number, crash: string) {
  const faults: Finding[] = [];
  let tally: Tally | undefined;
  for (const line of stdout.split('\n').filter((one) => one.endsWith('}'))) {
    const value: Finding | Tally = JSON.parse(line);
    if ('what' in value) faults.push(value);
    else tally = value;
  }
  if (tally === undefined) faults.push({ serial, what: crash });
  return { faults, tally: tally ?? { files: 0, taken: 0, slowestSeconds: 0, largestBytes: 0 } };
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return ''; // it has not begun
  }
}
