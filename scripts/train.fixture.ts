import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stream } from '../harness/random/stream.ts';
import { latestCheckpoint } from '../harness/weights/checkpoint.ts';

const script = new URL('./train.mjs', import.meta.url).pathname;
const view = [{ kind: 'randomResizedCrop' }, { kind: 'flip' }];

/** A run of 24 micro-steps with everything in it: replicas, accumulation over an epoch's end, k-NN. */
export const tiny = {
  name: 'tiny',
  method: { kind: 'moco', neck: { kind: 'linear', out: 8 }, queue: 64, temperature: 0.2 },
  backbone: { depth: 18, width: 1 / 16, stem: 'cifar' },
  data: {
    train: { kind: 'generated', count: 128, size: 16 },
    pipelines: [view, view],
    size: 16,
    dropLast: true,
  },
  batch: 16,
  accumulate: 3,
  epochs: 3,
  optimizer: { kind: 'sgd', lr: 0.05, momentum: 0.9 },
  schedule: { kind: 'cosine', per: 'step', from: 'start', warmup: { iterations: 5 } },
  checkpoint: { everySteps: 1 },
  log: { everySteps: 3 },
  evaluation: {
    train: { kind: 'generated', count: 40, size: 16 },
    test: { kind: 'generated', count: 20, size: 16, split: 'test' },
    knn: { k: 5 },
  },
};

export function writeExperiment(folder: string, experiment: object = tiny): string {
  const file = join(folder, 'tiny.json');
  writeFileSync(file, JSON.stringify(experiment));
  return file;
}

/** Runs a script to its end. */
export function runScript(name: string, ...words: readonly string[]) {
  const path = new URL(`./${name}.mjs`, import.meta.url).pathname;
  const { stdout, stderr, status } = spawnSync(process.execPath, [path, ...words], {
    encoding: 'utf8',
  });
  return { stdout, stderr, status };
}

export function runTrain(...words: readonly string[]) {
  return runScript('train', ...words);
}

/** The same where no file may be larger than so many KiB. */
export function runTrainLimited(kibibytes: number, ...words: readonly string[]) {
  const line = `ulimit -f ${kibibytes}; exec "$0" "$@"`;
  const { stderr, status } = spawnSync('bash', ['-c', line, process.execPath, script, ...words], {
    encoding: 'utf8',
  });
  return { stderr, status };
}

/** Starts `train`; `lines` resolves once so many lines of progress have come, or it ended. */
export function startTrain(...words: readonly string[]) {
  const child = spawn(process.execPath, [script, ...words]);
  let text = '';
  let wanted: (() => void)[] = [];
  const wake = () => {
    for (const resolve of wanted) resolve();
    wanted = [];
  };
  child.stderr.on('data', (data) => {
    text += data;
    wake();
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  let running = true;
  ended.then(() => {
    running = false;
    wake();
  });
  return {
    child,
    ended,
    output: () => text,
    lines: async (pattern: RegExp, count: number) => {
      while (running && (text.match(pattern) ?? []).length < count)
        await new Promise<void>((resolve) => wanted.push(resolve));
    },
  };
}

/** What must be the same however often a run was interrupted. */
export async function traces(workDir: string) {
  const read = (name: string) => readFileSync(join(workDir, name), 'utf8');
  const checkpoint = await latestCheckpoint(workDir, (message) => {
    throw new Error(message);
  });
  return {
    state: checkpoint?.stateHash,
    steps: read('steps.csv'),
    epochs: read('epochs.csv'),
    record: read('record.json'),
  };
}

export interface Kills {
  readonly file: string;
  readonly workDir: string;
  readonly count: number;
  readonly seed: number;
}

/**
 * Kills a run again and again, each time somewhere in the few steps, checkpoints and evaluations after
 * its start, and resumes it with another number of loader threads and compute threads.
 * @returns the steps that were safe at each resume
 */
export async function killAgainAndAgain({ file, workDir, count, seed }: Kills): Promise<number[]> {
  const draws = stream(seed, 'kills');
  const safe: number[] = [];
  for (let kill = 0; kill < count; kill++) {
    const threads = ['--workers', String(draws.int(0, 2)), '--threads', String(draws.int(1, 3))];
    const words = [file, '--work_dir', workDir, '--resume_from', 'auto', ...threads];
    const run = startTrain(...words);
    await run.lines(/saved step/g, draws.int(0, 3));
    await new Promise((resolve) => setTimeout(resolve, draws.int(0, 150)));
    run.child.kill('SIGKILL');
    await run.ended;
    const step = /resumed from .* step (\d+)/.exec(run.output())?.[1];
    if (step !== undefined) safe.push(Number(step));
  }
  return safe;
}
