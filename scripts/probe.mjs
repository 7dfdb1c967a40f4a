import { command, dataOption, setOption } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary:
      'What this machine computes: its numerics ids, or the first ops of a step that differ.',
    options: {
      lanes: { kind: 'int', help: 'parts of the work inside an op', default: 2, min: 1 },
      cases: { kind: 'flag', help: 'run and list every kernel' },
      bisect: {
        kind: 'text',
        value: 'EXPERIMENT',
        help: 'run the ops of its first step one by one; also a work directory',
      },
      save: { kind: 'text', value: 'FILE', help: 'with --bisect: write their hashes' },
      against: { kind: 'text', value: 'FILE', help: 'with --bisect: compare with those of FILE' },
      data: dataOption,
      set: setOption,
      threads: { kind: 'int', value: 'N', min: 1, help: 'threads that compute' },
    },
    examples: ['--cases', '--bisect moco --save here.json', '--bisect moco --against there.json'],
  },
  async ({ options, print }) => {
    if (options.bisect === undefined) {
      const { probed, probedText } = await load('tools/probe/ids.ts');
      const found = await probed(options.lanes, options.cases);
      print(found, probedText(found));
      return 0;
    }
    const { bisect } = await load('tools/probe/run_bisect.ts');
    const { result, text, same } = await bisect(options);
    print(result, text);
    return same ? 0 : 1;
  },
);
