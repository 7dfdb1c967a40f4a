import { command, experimentArgument, runOptions } from './cli.mjs';
import { load } from './load.mjs';

const { data, set, workers, threads } = runOptions;

await command(
  import.meta.url,
  {
    summary:
      'Train with every initial weight moved by one unit in the last place: what rounding can do. ' +
      'bless.mjs measures bands from such runs; their results are never published.',
    ends: 'saves',
    arguments: [experimentArgument],
    options: {
      perturbation: { kind: 'int', value: 'N', min: 1, help: 'seed of the noise', default: 1 },
      stop_after: { kind: 'int', value: 'EPOCH', min: 1, help: 'stop after this epoch or unit' },
      work_dir: {
        kind: 'text',
        value: 'DIR',
        help: 'outputs; a run that is there is gone on with',
      },
      data,
      set,
      workers,
      threads,
    },
    examples: ['moco --perturbation 1 --work_dir work_dirs/noise_1'],
  },
  async ({ options, args: [name], print }) => {
    const { subjectFrom } = await load('tools/command/subject.ts');
    const { trainPerturbed } = await load('tools/bless/train_perturbed.ts');
    const record = await trainPerturbed(await subjectFrom(name, options), options);
    print(record);
  },
);
