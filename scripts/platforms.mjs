import { command, dataOption, experimentArgument, reportOptions, setOption, tell } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary: 'List the CPUs on which goldens were met bit by bit: reports/PLATFORMS.md.',
    ends: 'saves',
    arguments: [{ ...experimentArgument, repeated: true }],
    options: {
      add: {
        kind: 'flag',
        help: 'run experiments here, and add a row for each golden that is met',
      },
      all: { kind: 'flag', help: 'with --add: every golden there is' },
      from: {
        kind: 'list',
        value: 'WORK_DIR',
        help: 'with --add: take this finished run, of this or another machine; may be repeated',
      },
      data: dataOption,
      set: setOption,
      out: reportOptions.out,
    },
    examples: ['--add moco', '--add --all', '--add --from work_dirs/moco', ''],
  },
  async ({ options, args, print }) => {
    const { addPlatforms, platformsPage } = await load('tools/platforms/platforms.ts');
    if (options.add) return addPlatforms(args, options, options.out, { tell, print });
    const page = await platformsPage(options.out);
    print({ page }, `wrote ${page}`);
  },
);
