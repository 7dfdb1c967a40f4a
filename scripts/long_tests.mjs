import { command } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary:
      'Run the long tests and write reports/LONG_TESTS.md: what ran, when, where, how it ended.',
    ends: 'tidies',
    options: {
      only: {
        kind: 'list',
        value: 'PATH',
        help: 'these files alone; the report keeps what it has of the others',
      },
    },
    examples: ['--only scripts/train.long.test.ts'],
  },
  async ({ options, print }) => {
    const { runLongTests } = await load('tools/long_tests/long_tests.ts');
    const { page, code } = await runLongTests(options.only);
    print({ report: page }, `wrote ${page}`);
    return code;
  },
);
