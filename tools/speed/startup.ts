import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { root } from '../command/root.ts';

/** A phase of a start that is over. */
export interface StartPhase {
  readonly phase: string;
  readonly seconds: number;
  /** Since the process began. */
  readonly at: number;
}

/**
 * Times the phases of a start in this process. Imports are phases too, so each is made in its place.
 * @param print is told of each phase
 */
export async function startPhases(print: (phase: StartPhase) => void): Promise<void> {
  let last = 0;
  const mark = (phase: string) => {
    const seconds = performance.now() / 1000; // since the process began
    print({
      phase,
      seconds: Number((seconds - last).toFixed(3)),
      at: Number(seconds.toFixed(3)),
    });
    last = seconds;
  };
  mark('node and tsx');
  const { experimentFrom } = await import('../command/experiment.ts');
  const { experiment, methods } = await experimentFrom('moco', {});
  mark('experiment: schema, recipes, tfjs');
  await import('../../harness/run/trainer.ts');
  mark('import of the trainer');
  const { openTraining } = await import('../../harness/run/open_training.ts');
  const setup = { experiment, methods, data: 'data', judged: true, opened: mark };
  const training = await openTraining(setup);
  const { learner, evaluator } = training;
  await learner.initialise(experiment.seed);
  mark('weights drawn');
  await evaluator?.atEpoch(0, await learner.save());
  mark('k-NN of the random weights');
  await training.dispose();
}

/** Seconds from a command to what its log shows. */
export interface WholeStart {
  /** The evaluation of the random weights. */
  readonly evaluated: number | undefined;
  /** The first step. */
  readonly seconds: number;
}

/** Starts a whole command and ends it when its log has the first step. */
export function wholeStart(): Promise<WholeStart> {
  const folder = mkdtempSync(join(tmpdir(), 'startup-'));
  const script = resolve(root, 'scripts/train.mjs');
  const settings = ['--work_dir', join(folder, 'run'), '--set', 'log.everySteps=1'];
  const begin = performance.now();
  const child = spawn('npx', ['zx', script, 'moco', ...settings], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const end = () => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  };
  process.once('exit', end);
  let evaluated: number | undefined;
  let seconds: number | undefined;
  let text = '';
  return new Promise((done, fail) => {
    const hear = (chunk: string) => {
      text += chunk;
      const now = Number(((performance.now() - begin) / 1000).toFixed(2));
      if (/Epoch \[0\]/.test(text)) evaluated ??= now;
      if (!/Epoch \[1\]\[1\//.test(text) || seconds !== undefined) return;
      seconds = now;
      end();
    };
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', hear);
    child.on('error', fail);
    child.on('close', () => {
      process.off('exit', end);
      rmSync(folder, { recursive: true, force: true });
      if (seconds === undefined) fail(new Error(`no first step:\n${text}`));
      else done({ evaluated, seconds });
    });
  });
}
