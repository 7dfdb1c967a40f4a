import { command } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary:
      'Show that the goldens bite: every small mutation of the code must fail the comparison.',
    ends: 'tidies',
    options: {
      only: { kind: 'text', value: 'TEXT', help: 'mutations whose words or file hold this' },
      experiment: { kind: 'text', value: 'NAME', help: 'mutations of this experiment alone' },
      jobs: { kind: 'int', default: 2, min: 1, help: 'runs at a time' },
      date: { kind: 'text', value: 'YYYY-MM-DD', help: 'write reports/MUTATIONS.md of that day' },
    },
    examples: ['--experiment moco --only queue', '--experiment moco --date 2026-11-25'],
  },
  async ({ options, print }) => {
    const { mutate } = await load('tools/mutate/mutate.ts');
    const results = await mutate(options, (result) => {
      const { experiment, what, caught, failure } = result;
      const words = caught === undefined ? 'NOT NOTICED' : 'noticed';
      print(result, `${words} ${experiment}: ${what}: ${caught ?? failure ?? ''}`);
    });
    const noticed = results.filter(({ caught }) => caught !== undefined).length;
    const missed = results.length - noticed;
    print({ noticed, missed }, `${noticed} noticed, ${missed} not noticed`);
    return missed === 0 ? 0 : 1;
  },
);
