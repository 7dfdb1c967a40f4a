import { command, reportOptions } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary:
      'Strike runs of several processes at random moments; writes reports/CRASHES.md of how they ended.',
    ends: 'tidies',
    options: {
      trials: { kind: 'int', default: 100, min: 1, help: 'how many runs' },
      jobs: { kind: 'int', default: 1, min: 1, help: 'runs at a time' },
      processes: { kind: 'int', default: 2, min: 2, help: 'of each run: 2 or 4' },
      seed: { kind: 'int', default: 24, min: 0, help: 'which moments, ranks and blows' },
      timeout: { kind: 'int', value: 'SECONDS', default: 6, min: 1, help: 'of the runs' },
      ...reportOptions,
    },
    examples: ['--trials 10'],
  },
  async ({ options, print }) => {
    const { crashTrials } = await load('tools/crash/crash_trials.ts');
    const { cameThrough } = await load('reports/crashes.ts');
    const tell = (line) => process.stderr.write(`${line}\n`);
    const { trials, chain } = await crashTrials(options, tell);
    const through = trials.filter((one) => cameThrough(one, chain)).length;
    print({ trials: trials.length, through }, `${through} of ${trials.length} came through`);
    return through === trials.length ? 0 : 1;
  },
);
