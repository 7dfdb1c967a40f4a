import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { command } from './cli.mjs';
import { experimentArgument, experimentFrom, experimentOptions } from './experiment.mjs';
import { load, root } from './load.mjs';
import { runOptions } from './training.mjs';

await command(
  import.meta.url,
  {
    summary: 'Pin a run as golden for this platform: the only way to write golden/.',
    arguments: [experimentArgument],
    options: {
      reason: { kind: 'text', help: 'why the numbers are what they are now; stays in the file' },
      runs: { kind: 'int', value: 'N', min: 0, default: 5, help: 'perturbed runs for the bands' },
      horizon: { kind: 'int', value: 'K', min: 1, help: 'epochs to pin (default: all)' },
      from: { kind: 'text', value: 'WORK_DIR', help: 'take this run instead of making one' },
      data: runOptions.data,
      set: experimentOptions.set,
    },
    examples: ['moco --reason "first golden"', 'moco --from work_dirs/moco --reason "new jitter"'],
  },
  async ({ options, args: [name], print }) => {
    const { bless, cleanCommit } = await load('harness/verify/bless.ts');
    const { UserError } = await load('harness/base/errors.ts');
    if (options.reason === undefined) throw new UserError('bless needs --reason TEXT');
    const commit = cleanCommit(root);
    const { experiment, methods } = await experimentFrom(name, options);
    const { data, reason, runs, horizon, from, set } = options;
    const settings = set.map((setting) => ` --set ${setting}`).join('');
    const { path, blessing, written } = await bless({
      experiment,
      methods,
      data,
      reason,
      runs,
      horizon,
      from,
      commit,
      folder: resolve(root, 'golden'),
      command: `npx zx scripts/bless.mjs ${name}${settings}`,
      // Runs of another commit are never gone on with.
      workDir: join('work_dirs/bless', experiment.name, commit.slice(0, 12)),
      runPerturbed: (request) => runPerturbed(request, data),
      tell: (message) => process.stderr.write(`${message}\n`),
    });
    const { differences, first } = blessing;
    const where = first === undefined ? '' : `, first ${first.metric} of epoch ${first.epoch}`;
    const changed =
      differences.length === 0
        ? 'no number is another than before'
        : `${differences.length} numbers are others than before${where}`;
    print({ path, written, ...blessing }, written ? `wrote ${path}\n${changed}` : `kept ${path}`);
  },
);

// In a process of its own: oneDNN chooses its kernels once.
function runPerturbed({ experiment, perturbation, workDir, stopAfterEpoch, instructions }, data) {
  mkdirSync(workDir, { recursive: true });
  const spec = join(workDir, '..', 'experiment.json');
  writeFileSync(spec, JSON.stringify(experiment));
  const line = [resolve(root, 'scripts/perturbed.mjs'), spec, '--work_dir', workDir];
  const more = { perturbation, stop_after: stopAfterEpoch, data };
  const options = Object.entries(more).flatMap(([key, value]) => [`--${key}`, String(value)]);
  const limit = instructions === undefined ? {} : { ONEDNN_MAX_CPU_ISA: instructions };
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [...line, ...options], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...limit },
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    child.on('error', fail);
    child.on('close', (code) => {
      if (code === 0) done(JSON.parse(text));
      else fail(new Error(`perturbed run ${perturbation} ended with ${code}`));
    });
  });
}
