import { mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { UserError } from '../../harness/base/index.ts';
import {
  BATCH,
  type Finding,
  MOST_SECONDS,
  mostBytes,
  type Tally,
  type Target,
  type TargetName,
} from './target.ts';
import { targetNamed } from './target_named.ts';

/** Which files of a target's to try: fixed ones and `first` to `end` of a seed's. */
export interface Order {
  readonly name: TargetName;
  readonly seed: number;
  readonly first: number;
  readonly end: number;
  /** A file that has the serial number of the file being tried. */
  readonly progress: string;
  /** Keeps the file with this serial number under this path. */
  readonly keep?: { readonly serial: number; readonly path: string };
}

const state = { taken: 0, slowest: 0, largest: 0 };

async function run(order: Order): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'fuzz-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const target = await targetNamed(order.name);
  const path = target.place(folder);
  const progress = openSync(order.progress, 'w');
  let files = 0;
  for (const [serial, bytes] of filesOf(target, order)) {
    files++;
    writeSync(progress, String(serial).padStart(12), 0);
    writeFileSync(path, bytes);
    if (order.keep?.serial === serial) writeFileSync(order.keep.path, bytes);
    const what = await fault(target, path, serial, mostBytes(order.name));
    if (what !== undefined) tell({ serial, what });
  }
  const { taken, slowest, largest } = state;
  tell({ files, taken, slowestSeconds: slowest, largestBytes: largest });
}

/** Fixed files have negative numbers. */
function* filesOf(target: Target, { seed, first, end }: Order): Generator<[number, Uint8Array]> {
  if (first === 0)
    for (const [i, file] of target.fixed.entries()) yield [i - target.fixed.length, file];
  for (let batch = Math.floor(first / BATCH); batch * BATCH < end; batch++) {
    const files = fc.sample(target.files, { seed: seed + batch, numRuns: BATCH });
    for (const [i, file] of files.entries()) {
      const serial = batch * BATCH + i;
      if (serial >= first && serial < end) yield [serial, file];
    }
  }
}

/** What is wrong with the way that a file ends; undefined where it ends in a value or a UserError. */
async function fault(target: Target, path: string, serial: number, most: number) {
  const [peak, start] = [peakBytes(), process.cpuUsage()];
  const found = await outcome(target, path, serial);
  const { user, system } = process.cpuUsage(start);
  const [seconds, bytes] = [(user + system) / 1e6, peakBytes() - peak];
  state.slowest = Math.max(state.slowest, seconds);
  state.largest = Math.max(state.largest, bytes);
  if (found !== undefined) return found;
  if (seconds > MOST_SECONDS) return `took ${seconds.toFixed(1)} s, at most ${MOST_SECONDS} s`;
  if (bytes > most) return `took ${bytes} bytes of memory, at most ${most}`;
  return undefined;
}

async function outcome(target: Target, path: string, serial: number): Promise<string | undefined> {
  try {
    await target.feed(path, serial);
    state.taken++;
    return undefined;
  } catch (error) {
    if (!(error instanceof UserError))
      return error instanceof Error ? (error.stack ?? error.message) : String(error);
    const named = error.message.includes(path) || target.names?.test(error.message) === true;
    return named ? undefined : `does not name the file: ${error.message}`;
  }
}

function peakBytes(): number {
  return process.resourceUsage().maxRSS * 1024;
}

function tell(line: Finding | Tally): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

await run(JSON.parse(process.argv[2] ?? ''));
