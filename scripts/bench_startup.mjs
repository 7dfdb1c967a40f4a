import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { command } from './cli.mjs';
import { experimentFrom } from './experiment.mjs';
import { load, root } from './load.mjs';

await command(
  import.meta.url,
  {
    summary: 'Time a start: phases in this process, then a whole command to its first step.',
    options: { runs: { kind: 'int', help: 'whole commands to time', default: 1, min: 0 } },
  },
  async ({ options, print }) => {
    let last = 0;
    const mark = (phase) => {
      const seconds = performance.now() / 1000; // since the process began
      print({
        phase,
        seconds: Number((seconds - last).toFixed(3)),
        at: Number(seconds.toFixed(3)),
      });
      last = seconds;
    };
    mark('node and tsx');
    await phases(mark);
    for (let run = 0; run < options.runs; run++)
      print({ phase: 'whole command to the first step', ...(await wholeCommand()) });
  },
);

async function phases(mark) {
  const { experiment, methods } = await experimentFrom('moco', { set: [] });
  mark('experiment: schema, recipes, tfjs');
  await load('harness/run/trainer.ts');
  mark('import of the trainer');
  const { openTraining } = await load('harness/run/open_training.ts');
  const setup = { experiment, methods, data: 'data', judged: true, opened: mark };
  const training = await openTraining(setup);
  const { learner, evaluator } = training;
  await learner.initialise(experiment.seed);
  mark('weights drawn');
  await evaluator?.atEpoch(0, await learner.save());
  mark('k-NN of the random weights');
  await training.dispose();
}

/** Seconds until the log has the first step. */
function wholeCommand() {
  const folder = mkdtempSync(join(tmpdir(), 'startup-'));
  const script = resolve(root, 'scripts/train.mjs');
  const line = [
    'zx',
    script,
    'moco',
    '--work_dir',
    join(folder, 'run'),
    '--set',
    'log.everySteps=1',
  ];
  const begin = performance.now();
  const child = spawn('npx', line, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const found = {};
  let text = '';
  return new Promise((done, fail) => {
    const hear = (chunk) => {
      text += chunk;
      const seconds = Number(((performance.now() - begin) / 1000).toFixed(2));
      if (/Epoch \[0\]/.test(text)) found.evaluated ??= seconds;
      if (!/Epoch \[1\]\[1\//.test(text) || found.seconds !== undefined) return;
      found.seconds = seconds;
      process.kill(-child.pid, 'SIGKILL');
    };
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', hear);
    child.on('error', fail);
    child.on('close', () => {
      rmSync(folder, { recursive: true, force: true });
      if (found.seconds === undefined) fail(new Error(`no first step:\n${text}`));
      else done(found);
    });
  });
}
