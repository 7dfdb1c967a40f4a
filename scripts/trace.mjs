import { command, dataOption, experimentArgument, experimentOptions } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary: 'Write the start, schedule and batches of a run, so that another program repeats it.',
    arguments: [experimentArgument],
    options: {
      out: { kind: 'text', value: 'DIR', help: 'folder of the trace', default: 'trace' },
      steps: { kind: 'int', value: 'N', min: 0, help: 'steps to write (default: all of the run)' },
      stream: { kind: 'text', value: 'FIFO|-', help: 'send the batches there, not into files' },
      states: { kind: 'flag', help: 'also train: losses.jsonl and the state before every step' },
      data: dataOption,
      workers: { kind: 'int', value: 'N', min: 0, help: 'threads that prepare data' },
      ...experimentOptions,
    },
    examples: ['moco-cifar10 --out trace --steps 50', 'moco --out trace --stream batches'],
  },
  async ({ options, args: [name], print }) => {
    const { experimentFrom } = await load('tools/command/experiment.ts');
    const { experiment, methods } = await experimentFrom(name, options);
    const { openStream, exportRun } = await load('harness/run/export_run.ts');
    const { out: folder, stream: path, data, steps, states, workers } = options;
    const stream = path === undefined ? undefined : openStream(path);
    const written = await exportRun({
      experiment,
      methods,
      data,
      folder,
      steps,
      stream,
      states,
      workers,
      warn: (message) => process.stderr.write(`warning: ${message}\n`),
      tell: (step, all) => process.stderr.write(`\r${step} of ${all} steps`),
    });
    process.stderr.write('\n');
    if (path !== '-') print({ folder, steps: written }, `${folder}: ${written} steps`);
  },
);
