import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { canonicalJson, sha256Json, UserError } from '../base/index.ts';
import { isPortable, platformId } from '../record/numerics.ts';
import { type RunRecord, readRecord } from '../record/record.ts';
import { hashesOf } from '../record/repair.ts';
import { Interrupted } from '../run/interrupt.ts';
import { FEWEST_RUNS, measureBands, type PerturbedRun } from './bands.ts';
import {
  changesBetween,
  cutAt,
  goldenFile,
  goldenPath,
  goldensOf,
  ownGolden,
  writeGolden,
} from './golden.ts';
import type { Blessing, Golden } from './golden_schema.ts';
import type { Pinnable } from './pinnable.ts';
import { superseded } from './superseded.ts';
import { verificationText } from './verify_text.ts';

/** One perturbed run to be made; see `perturbedRuns`. */
export interface RunRequest {
  readonly experiment: Pinnable['experiment'];
  readonly perturbation: number;
  readonly workDir: string;
  readonly stopAfterEpoch: number;
  /** Limits oneDNN to older instruction sets, so that it rounds as another CPU would. */
  readonly instructions?: 'AVX2';
}

export interface BlessOptions {
  readonly pinnable: Pinnable;
  /** Of all goldens, `golden/`. */
  readonly folder: string;
  readonly reason: string;
  readonly command: string;
  /** What `cleanCommit` gave. */
  readonly commit: string;
  /** Perturbed runs; 0 leaves the bands to another platform's golden. */
  readonly runs: number;
  /** Epochs to pin; all by default. */
  readonly horizon?: number | undefined;
  /** A work directory that has the run already. */
  readonly from?: string | undefined;
  /** Where runs are made; those that are there are gone on with. */
  readonly workDir: string;
  /** Makes a perturbed run: in a process of its own, as its instruction sets are fixed at the start. */
  readonly runPerturbed: (request: RunRequest) => Promise<RunRecord>;
  /** Stops after the step under way; what was made is gone on with. */
  readonly signal?: AbortSignal | undefined;
  readonly tell: (message: string) => void;
}

export interface Blessed {
  readonly path: string;
  readonly blessing: Blessing;
  /** False when the golden already held these bits. */
  readonly written: boolean;
  /** As pinned. */
  readonly record: RunRecord;
}

/**
 * Pins a run: the only way by which goldens change. Makes the run, or takes a finished one whose first
 * epoch is verified; makes the perturbed runs; writes the golden of this platform with the reason and
 * all that differs from the one before.
 * @throws UserError without a reason, for too few runs, or for a run that is not of this code,
 *   experiment and platform.
 * @throws Interrupted when it is told to stop
 */
export async function bless(options: BlessOptions): Promise<Blessed> {
  const { pinnable, folder, runs, tell } = options;
  checkOptions(options);
  const horizon = Math.min(options.horizon ?? pinnable.epochs, pinnable.epochs);
  const whole = await pinnedRun(options, horizon);
  const record = cutAt(whole, horizon);
  const path = goldenPath(folder, record);
  const goldens = goldensOf(folder, record);
  const previous = ownGolden(goldens, record) ?? superseded(goldens, record);
  const held = [...goldens.values()].some((golden) => golden.bands !== undefined);
  if (runs === 0 && !held && !isPortable(pinnable.experiment))
    throw new UserError(
      `--runs 0: no golden of ${pinnable.experiment.name} has bands yet; use --runs ${FEWEST_RUNS} or more`,
    );
  const perturbed = await perturbedRuns(options, record, horizon);
  const bands = runs === 0 ? previous?.bands : measureBands(record, perturbed, pinnable.resolution);
  const blessing = blessingOf(options, { horizon, record }, previous);
  const others = (previous?.adopted ?? []).filter((id) => id !== platformId(record));
  const kept = blessing.differences.length === 0 && others.length > 0 ? { adopted: others } : {};
  const golden = { format: 'reprise-golden-2', horizon, record, ...kept } as const;
  const same =
    previous !== undefined &&
    canonicalJson({ ...previous, log: [], seal: '' }) ===
      canonicalJson({ ...golden, bands, log: [], seal: '' });
  if (same) {
    tell('the golden holds these bits and bands already; nothing was written');
    return { path, blessing, written: false, record };
  }
  const log = [...(previous?.log ?? []), blessing];
  await writeGolden(path, { ...golden, ...(bands === undefined ? {} : { bands }), log });
  if (previous !== undefined && goldenFile(folder, previous) !== path)
    rmSync(goldenFile(folder, previous));
  return { path, blessing, written: true, record };
}

/** Goldens, and who met them: neither makes a number. */
const OWN = /^.. "?(golden\/[0-9a-f]{12}\/|reports\/(PLATFORMS\.md|platforms\.json)$)/;

/**
 * The commit of a checkout that has no changes but in the goldens themselves.
 * @throws UserError listing what is not committed: numbers must be of code that others can get.
 */
export function cleanCommit(root: string): string {
  const git = (...line: string[]) => {
    const { status, stdout } = spawnSync('git', ['-C', root, ...line], { encoding: 'utf8' });
    if (status !== 0)
      throw new UserError(`${root} is no git checkout; a golden names the commit it was made by`);
    return stdout;
  };
  const changed = git('status', '--porcelain', '--untracked-files=all', '--no-renames')
    .split('\n')
    .filter((line) => line !== '' && !OWN.test(line));
  if (changed.length > 0)
    throw new UserError(
      `the checkout has changes that are not committed; commit them first:\n${changed.join('\n')}`,
    );
  return git('rev-parse', 'HEAD').trim();
}

function checkOptions({ reason, runs, horizon, pinnable: { epochs } }: BlessOptions): void {
  if (reason.trim().length < 3)
    throw new UserError('--reason: a golden changes only with a reason, e.g. "larger queue"');
  if (runs !== 0 && runs < FEWEST_RUNS)
    throw new UserError(
      `--runs ${runs}: bands need at least ${FEWEST_RUNS} perturbed runs; 0 keeps those of the golden there is`,
    );
  if (horizon !== undefined && (horizon < 1 || horizon > epochs))
    throw new UserError(`--horizon ${horizon}: expected 1 to ${epochs} epochs`);
}

async function pinnedRun(options: BlessOptions, horizon: number): Promise<RunRecord> {
  const { pinnable, from, workDir, signal, tell } = options;
  if (from === undefined) {
    tell(`the run itself, ${horizon} epochs, in ${join(workDir, 'run')}`);
    const terminal = { write: tellLines(tell) };
    const record = await pinnable.run({
      workDir: join(workDir, 'run'),
      stopAfterEpoch: horizon,
      signal,
      terminal,
    });
    goOn(signal);
    return record;
  }
  const record = readRecord(from);
  const done = record.epochs.length - 1;
  if (record.experimentId !== sha256Json(pinnable.experiment))
    throw new UserError(`--from ${from} is a run of another experiment, ${record.experiment.name}`);
  if (record.environment.perturbation !== undefined)
    throw new UserError(`--from ${from} is a run with noise on its weights, made to measure bands`);
  if (done < horizon)
    throw new UserError(
      `--from ${from} has ${done} epochs; expected ${horizon}, or --horizon ${done}`,
    );
  tell(`runs epoch 1 of ${from} again: it must be of this code and machine`);
  const check = await pinnable.verifyFirst(from, signal);
  if (!check.pass || check.apart.length > 0)
    throw new UserError(`--from ${from} cannot be blessed here:\n${verificationText(check)}`);
  return record;
}

/**
 * The runs that a band is measured from: initial weights moved by one unit in the last place, and
 * on a CPU every second one limited to AVX2, whose kernels sum in another order than newer ones do.
 */
async function perturbedRuns(
  { pinnable: { experiment }, runs, workDir, runPerturbed, signal, tell }: BlessOptions,
  pinned: RunRecord,
  horizon: number,
): Promise<PerturbedRun[]> {
  const made: PerturbedRun[] = [];
  for (let perturbation = 1; perturbation <= runs; perturbation++) {
    const limited = pinned.fingerprint.device === 'cpu' && perturbation % 2 === 0;
    tell(`perturbed run ${perturbation} of ${runs}${limited ? ', limited to AVX2' : ''}`);
    const record = await runPerturbed({
      experiment,
      perturbation,
      stopAfterEpoch: horizon,
      workDir: join(workDir, `perturbed_${perturbation}`),
      ...(limited ? { instructions: 'AVX2' as const } : {}),
    });
    goOn(signal);
    made.push({ perturbation, record: cutAt(record, horizon) });
  }
  return made;
}

function goOn(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new Interrupted('stopped; no golden was written, and the same command goes on from here');
}

function blessingOf(
  { reason, command, commit }: BlessOptions,
  now: Pick<Golden, 'horizon' | 'record'>,
  previous: Golden | undefined,
): Blessing {
  const { record, horizon } = now;
  const chain = record.epochs.at(-1)?.chain;
  if (chain === undefined) throw new Error('bless: a record without epochs');
  const before = previous?.record;
  const differences = before === undefined ? [] : changesBetween(before, record);
  const [first] = differences;
  const changed: Blessing['changed'] = [
    ...(before === undefined || before.graph === record.graph ? [] : ['graph' as const]),
    ...(before === undefined ||
    canonicalJson(hashesOf(before.data)) === canonicalJson(hashesOf(record.data))
      ? []
      : ['data' as const]),
    ...(previous === undefined || previous.horizon === horizon ? [] : ['horizon' as const]),
  ];
  return {
    reason: reason.trim(),
    command,
    commit,
    chain,
    changed,
    differences,
    ...(first && { first }),
  };
}

function tellLines(tell: (message: string) => void): (text: string) => boolean {
  return (text) => {
    tell(text.trimEnd());
    return true;
  };
}
