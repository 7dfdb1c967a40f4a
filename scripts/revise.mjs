import { resolve } from 'node:path';
import { command } from './cli.mjs';
import { load, root } from './load.mjs';

await command(
  import.meta.url,
  {
    summary: 'Move goldens and records of the former format to today’s; nothing is run again.',
    options: {
      golden: { kind: 'text', value: 'DIR', help: 'goldens', default: resolve(root, 'golden') },
      records: {
        kind: 'text',
        value: 'DIR',
        help: 'records of the zoo',
        default: resolve(root, 'reports/records'),
      },
    },
    examples: ['', '--golden mine/golden --records mine/records'],
  },
  async ({ options, print }) => {
    const { reviseGoldens, reviseRecords } = await load('harness/verify/revise.ts');
    const revised = [
      ...(await reviseGoldens(options.golden)),
      ...(await reviseRecords(options.records)),
    ];
    for (const one of revised)
      print(
        one,
        `${one.experiment}: ${one.before.slice(0, 12)} -> ${one.after.slice(0, 12)} ${one.to}`,
      );
    if (!options.json) print({}, `${revised.length} files moved`);
  },
);
