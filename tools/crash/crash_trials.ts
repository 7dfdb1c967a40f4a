import { existsSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { inTemporaryFolder, readJson, UserError, writeAtomic } from '../../harness/base/index.ts';
import { stream } from '../../harness/random/stream.ts';
import {
  blowKind,
  type CrashReport,
  type CrashTrial,
  cameThrough,
  crashesMarkdown,
  crashReport,
} from '../../reports/crashes.ts';
import { root } from '../command/root.ts';
import { processor, today } from '../speed/machine.ts';
import { type Blow, tryOnce } from './trial.ts';

export interface CrashOptions {
  readonly trials: number;
  /** Runs at a time. */
  readonly jobs: number;
  readonly processes: number;
  readonly seed: number;
  /** Seconds without a sign of life after which a process counts as lost. */
  readonly timeout: number;
  /** Folder of the report. */
  readonly out: string;
  readonly date: string | undefined;
}

/** Long enough for checkpoints within epochs, at their ends, and evaluations to be struck. */
const EXPERIMENT = {
  name: 'crash',
  method: { kind: 'moco', neck: { kind: 'mlp', hidden: 32, out: 16 }, queue: 64, temperature: 0.2 },
  backbone: { depth: 18, width: 1 / 16, stem: 'cifar' },
  data: {
    train: { kind: 'generated', count: 128, size: 16 },
    pipelines: [[{ kind: 'flip' }], [{ kind: 'randomResizedCrop', scale: [0.2, 1] }]],
    size: 16,
    dropLast: true,
  },
  replicas: 4,
  batch: 4,
  epochs: 3,
  optimizer: { kind: 'sgd', lr: 0.06, weightDecay: 5e-4 },
  schedule: { kind: 'cosine' },
  evaluation: {
    train: { kind: 'generated', count: 64, size: 16 },
    test: { kind: 'generated', count: 32, size: 16, split: 'test' },
    knn: { k: 5, everyEpochs: 1 },
  },
  checkpoint: { everySteps: 2, keepLast: 2 },
};

/**
 * Strikes runs of several processes at random moments, which the seed decides: one process is killed, stopped, or the
 * link between all is cut. Each has to end with the record of a run that nobody disturbed, leave no process and no
 * half-written file. Writes the report, and goes on with one that it did not come to the end of.
 * @param tell is told how each ended
 */
export function crashTrials(
  options: CrashOptions,
  tell: (line: string) => void,
): Promise<CrashReport> {
  return inTemporaryFolder('crash', async (folder) => {
    const file = join(folder, 'crash.json');
    writeFileSync(file, JSON.stringify(EXPERIMENT));
    const command = (workDir: string, processes: number) => [
      process.execPath,
      ...['--import', 'tsx', resolve(root, 'scripts/train.mjs'), file, '--work_dir', workDir],
      ...['--processes', String(processes)],
      ...(processes === 1 ? [] : ['--restarts', '3', '--timeout', String(options.timeout)]),
    ];
    const undisturbed = await timed(command(join(folder, 'whole'), 1), join(folder, 'whole'));
    const parted = await timed(
      command(join(folder, 'parted'), options.processes),
      join(folder, 'parted'),
    );
    if (parted.chain !== undisturbed.chain) throw new UserError('crash: processes decide bits');
    const { processes, seed, timeout, out, date = today() } = options;
    const trials = [...before(options, undisturbed.chain)];
    const reported = async () => {
      const report = crashReport.parse({
        ...{ date, machine: processor(), processes, seed, timeout },
        ...{ undisturbed: parted.seconds, chain: undisturbed.chain, trials },
      });
      await writeAtomic(join(out, 'crashes.json'), `${JSON.stringify(report, null, 2)}\n`);
      await writeAtomic(join(out, 'CRASHES.md'), crashesMarkdown(report));
      return report;
    };
    const limit = 20 * parted.seconds + 10 * timeout;
    const trial = async (n: number) => {
      const workDir = join(folder, `trial${n}`);
      const blow = blowOf(options, n, parted.seconds);
      const line = command(workDir, processes);
      const { trial: one } = await tryOnce({ command: line, folder: workDir, blow, limit });
      tell(lineOf(one, n, undisturbed.chain));
      return one;
    };
    while (trials.length < options.trials) {
      const left = Math.min(options.jobs, options.trials - trials.length);
      const next = Array.from({ length: left }, (_, i) => trial(trials.length + i));
      trials.push(...(await Promise.all(next)));
      await reported(); // so that what was tried is known when it is ended before the last
    }
    return reported();
  });
}

/** What a run of this command that was ended before its last trial has tried already, of the same run and seed. */
function before({ out, seed, processes, timeout }: CrashOptions, chain: string) {
  const file = join(out, 'crashes.json');
  if (!existsSync(file)) return [];
  const known = crashReport.safeParse(readJson(file, 'a report of crashes')).data;
  const same =
    known?.seed === seed &&
    known.processes === processes &&
    known.timeout === timeout &&
    known.chain === chain;
  return same ? known.trials : [];
}

function blowOf({ seed, processes }: CrashOptions, n: number, seconds: number): Blow {
  const draws = stream(seed, 'crash', n);
  const { options: kinds } = blowKind;
  const kind = kinds[draws.int(0, kinds.length - 1)] ?? 'kill';
  return { kind, rank: draws.int(0, processes - 1), after: draws.uniform() * seconds };
}

/** A run that nobody disturbs. */
async function timed(command: readonly string[], folder: string) {
  const blow: Blow = { kind: 'kill', rank: -1, after: 0 };
  const { trial, seconds } = await tryOnce({ command, folder, blow, limit: 1200 });
  if (trial.code !== 0 || trial.chain === undefined)
    throw new UserError(`crash: an undisturbed run ended with ${trial.code ?? 'no end'}`);
  return { seconds, chain: trial.chain };
}

function lineOf(trial: CrashTrial, n: number, chain: string): string {
  const { kind, rank, after, noticed, code, left } = trial;
  const end = cameThrough(trial, chain)
    ? 'the same record'
    : `FAILED: code ${code}, left [${left}]`;
  const seen = noticed === undefined ? 'too late' : `noticed after ${noticed.toFixed(1)} s`;
  return `trial ${n}: ${kind} rank ${rank} after ${after.toFixed(1)} s: ${seen}: ${end}`;
}
