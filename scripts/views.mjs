import { command, experimentArgument, setOption } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary: 'Show the views that a run sees of its samples, with all that was drawn for each.',
    arguments: [experimentArgument],
    options: {
      set: setOption,
      data: { kind: 'text', value: 'DIR', help: 'folder that sources start from', default: 'data' },
      index: { kind: 'list', value: 'N', help: 'a sample; may be repeated (default: the first 8)' },
      epoch: { kind: 'list', value: 'E', help: 'epoch, from 0; may be repeated (default: 0, 1)' },
      out: { kind: 'text', value: 'FILE', help: 'contact sheet, .png, or page, .html' },
    },
    examples: ['moco --out views.png', 'moco-cifar10 --data ../shared/data --index 7 --json'],
  },
  async ({ options, args: [name], print }) => {
    const { experimentFrom } = await load('tools/command/experiment.ts');
    const { shownSamples, writeViews } = await load('tools/views/views.ts');
    const { changesText } = await load('harness/data/images/sheet.ts');
    const { experiment } = await experimentFrom(name, options);
    const samples = await shownSamples(experiment, options);
    if (options.out !== undefined) {
      await writeViews(options.out, experiment.name, samples);
      process.stderr.write(`wrote ${options.out}\n`);
    }
    for (const { index, name: from, label, views } of samples)
      for (const { epoch, view, changes } of views)
        print(
          { index, name: from, label, epoch, view, changes },
          `image ${index} (${from}), epoch ${epoch}, view ${view}: ${changesText(changes)}`,
        );
  },
);
