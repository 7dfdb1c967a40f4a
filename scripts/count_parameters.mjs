import { command, experimentArgument, setOption } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary: 'Count the parameters of an experiment’s networks; --json gives exact numbers.',
    arguments: [experimentArgument],
    options: { set: setOption },
    examples: ['moco/r50_v2', 'moco --set backbone.depth=50 --json'],
  },
  async ({ options, args: [name], print }) => {
    const { experimentFrom } = await load('tools/command/experiment.ts');
    const { experiment, methods } = await experimentFrom(name, options);
    const { countParameters, parameterLines } = await load('harness/step/parameters.ts');
    const counts = countParameters(experiment, methods);
    print({ experiment: experiment.name, ...counts }, parameterLines(counts).join('\n'));
  },
);
