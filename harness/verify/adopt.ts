import { rmSync } from 'node:fs';
import { sha256Json, UserError } from '../base/index.ts';
import { cpuText, numericsId } from '../record/numerics.ts';
import type { RunRecord } from '../record/record.ts';
import { Interrupted } from '../run/interrupt.ts';
import { goldenFile, goldenId, goldensOf, writeGolden } from './golden.ts';
import type { Blessing, Golden } from './golden_schema.ts';
import { exactVerdict, type Verdict } from './golden_verdict.ts';
import type { Pinnable } from './pinnable.ts';

export interface AdoptOptions {
  readonly pinnable: Pinnable;
  /** Of all goldens, `golden/`. */
  readonly folder: string;
  readonly command: string;
  /** What `cleanCommit` gave. */
  readonly commit: string;
  /** Of today, YYYY-MM-DD. */
  readonly date: string;
  /** Where the run is made; one that is there is gone on with. */
  readonly workDir: string;
  /** Stops after the step under way; what was made is gone on with. */
  readonly signal?: AbortSignal | undefined;
  readonly tell: (message: string) => void;
}

export interface Adoption {
  /** A golden got the id of this machine, had it before, or none was met. */
  readonly kind: 'adopted' | 'held' | 'missed';
  /** The file of the golden that it is about. */
  readonly path: string;
  /** Of the numerics here. */
  readonly id: string;
  /** Of the golden that it is about. */
  readonly verdict: Verdict;
  readonly record: RunRecord;
}

/**
 * Gives a golden the id of the numerics of this machine, if a run here meets it bit by bit: nothing of its numbers
 * changes, and its log says who met it. Where several goldens of the experiment are without the id, the first that is met.
 * @throws UserError where there is no golden of the experiment, or its precision has no id.
 * @throws Interrupted when it is told to stop
 */
export async function adopt(options: AdoptOptions): Promise<Adoption> {
  const { pinnable, folder, signal } = options;
  const { name } = pinnable.experiment;
  const goldens = [
    ...goldensOf(folder, { experimentId: sha256Json(pinnable.experiment) }).values(),
  ];
  if (goldens.length === 0)
    throw new UserError(
      `${name}: there is no golden to adopt; --reason TEXT without --adopt pins one`,
    );
  const record = await runOf(options, Math.max(...goldens.map(({ horizon }) => horizon)));
  if (signal?.aborted)
    throw new Interrupted('stopped; no golden was written, and the same command goes on from here');
  const id = numericsId(record.experiment, record.numerics);
  if (id === undefined)
    throw new UserError(
      `${name}: numerics of its precision have no id; it goes by its fingerprint`,
    );
  const found = (kind: Adoption['kind'], golden: Golden): Adoption => {
    const verdict = exactVerdict(record, golden);
    const path = goldenFile(folder, golden);
    return { kind: verdict.pass ? kind : 'missed', path, id, verdict, record };
  };
  const own = goldens.find((golden) => idsOf(golden).includes(id));
  if (own !== undefined) return found('held', own);
  const [first] = goldens;
  const met = goldens.find((golden) => exactVerdict(record, golden).pass) ?? first;
  if (met === undefined) throw new Error('adopt: no golden');
  const adopted = { ...met, adopted: [...(met.adopted ?? []), id] };
  const adoption = found('adopted', adopted);
  if (adoption.kind === 'missed') return found('missed', met);
  const log = [...met.log, entryOf(options, record, met, id)];
  await writeGolden(adoption.path, { ...adopted, log });
  if (goldenFile(folder, met) !== adoption.path) rmSync(goldenFile(folder, met));
  return adoption;
}

function runOf({ pinnable, workDir, signal, tell }: AdoptOptions, horizon: number) {
  tell(`${pinnable.experiment.name}: ${horizon} epochs, in ${workDir}`);
  const terminal = {
    write: (text: string) => {
      tell(text.trimEnd());
      return true;
    },
  };
  return pinnable.run({ workDir, stopAfterEpoch: horizon, signal, terminal });
}

function idsOf(golden: Golden): string[] {
  return [goldenId(golden), ...(golden.adopted ?? [])];
}

function entryOf(
  { command, commit, date }: AdoptOptions,
  { fingerprint }: RunRecord,
  { record: pinned }: Golden,
  id: string,
): Blessing {
  const chain = pinned.epochs.at(-1)?.chain;
  if (chain === undefined) throw new Error('adopt: a golden without epochs');
  const cpu = cpuText(fingerprint);
  return {
    reason: `met bit by bit on ${cpu}; made on ${cpuText(pinned.fingerprint)}`,
    command,
    commit,
    chain,
    changed: [],
    differences: [],
    met: { id, cpu, fingerprint: fingerprint.id, date },
  };
}
