import { command, reportOptions } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary:
      'Time training steps with portable numerics against native ones, turn by turn; writes reports/portable_speed.{json,md}.',
    ends: 'tidies',
    options: {
      pairs: { kind: 'int', help: 'turns of each side', default: 12, min: 1 },
      ...reportOptions,
    },
    examples: ['--pairs 20'],
  },
  async ({ options, print }) => {
    const { portableAgainst } = await load('tools/speed/portable_against.ts');
    const { report, page } = await portableAgainst(options);
    print({ cases: report.cases }, page);
  },
);
