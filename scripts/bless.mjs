import { join, resolve } from 'node:path';
import { command, dataOption, experimentArgument, setOption, tell } from './cli.mjs';
import { load, root } from './load.mjs';

await command(
  import.meta.url,
  {
    summary: 'Pin a run as golden for this platform: the only way to write golden/.',
    ends: 'saves',
    arguments: [experimentArgument],
    options: {
      reason: { kind: 'text', help: 'why the numbers are what they are now; stays in the file' },
      runs: { kind: 'int', value: 'N', min: 0, default: 5, help: 'perturbed runs for the bands' },
      horizon: { kind: 'int', value: 'K', min: 1, help: 'epochs to pin (default: all)' },
      from: { kind: 'text', value: 'WORK_DIR', help: 'take this run instead of making one' },
      data: dataOption,
      set: setOption,
    },
    examples: [
      'moco --reason "first golden"',
      'knn-drawn --reason "first golden"',
      'moco --from work_dirs/moco --reason "new jitter"',
    ],
  },
  async ({ options, args: [name], print }) => {
    const { bless, cleanCommit } = await load('harness/verify/bless.ts');
    const { UserError } = await load('harness/base/errors.ts');
    if (options.reason === undefined) throw new UserError('bless needs --reason TEXT');
    const commit = cleanCommit(root);
    const { pinnableOf, subjectFrom } = await load('tools/command/subject.ts');
    const { perturbedRun } = await load('tools/bless/perturbed_run.ts');
    const { untilInterrupted } = await load('tools/command/until_interrupted.ts');
    const doing = 'stopping after this step and saving';
    const { data, reason, runs, horizon, from, set } = options;
    const pinnable = pinnableOf(await subjectFrom(name, options), data);
    const request = {
      pinnable,
      reason,
      runs,
      horizon,
      from,
      commit,
      folder: resolve(root, 'golden'),
      command: ['npx zx scripts/bless.mjs', name, ...set.map((one) => `--set ${one}`)].join(' '),
      // Runs of another commit are never gone on with.
      workDir: join('work_dirs/bless', pinnable.experiment.name, commit.slice(0, 12)),
      tell,
    };
    const { path, blessing, written } = await untilInterrupted(doing, (signal) =>
      bless({ ...request, signal, runPerturbed: (run) => perturbedRun(run, data, signal) }),
    );
    const { differences, first } = blessing;
    const where = first === undefined ? '' : `, first ${first.metric} of epoch ${first.epoch}`;
    const changed =
      differences.length === 0
        ? 'no number is another than before'
        : `${differences.length} numbers are others than before${where}`;
    print({ path, written, ...blessing }, written ? `wrote ${path}\n${changed}` : `kept ${path}`);
  },
);
