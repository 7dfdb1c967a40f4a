import { command, dataOption, experimentArgument, setOption, tell } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary: 'Pin a run as golden for what this platform computes: the only way to write golden/.',
    ends: 'saves',
    arguments: [{ ...experimentArgument, repeated: true }],
    options: {
      reason: { kind: 'text', help: 'why the numbers are what they are now; stays in the file' },
      runs: { kind: 'int', value: 'N', min: 0, default: 5, help: 'perturbed runs for the bands' },
      horizon: { kind: 'int', value: 'K', min: 1, help: 'epochs to pin (default: all)' },
      from: { kind: 'text', value: 'WORK_DIR', help: 'take this run instead of making one' },
      adopt: {
        kind: 'flag',
        help: "run experiments, and give goldens that are met bit by bit the id of this machine's numerics",
      },
      all: { kind: 'flag', help: 'with --adopt: every golden there is' },
      data: dataOption,
      set: setOption,
    },
    examples: [
      'moco --reason "first golden"',
      'knn-drawn --reason "first golden"',
      'moco --from work_dirs/moco --reason "new jitter"',
      '--adopt moco byol',
      '--adopt --all',
    ],
  },
  async ({ options, args, print }) => {
    if (options.adopt) {
      const { adoptGoldens } = await load('tools/bless/adopt_goldens.ts');
      return adoptGoldens(args, options, tell, print);
    }
    const { blessOne } = await load('tools/bless/bless_one.ts');
    await blessOne(args, options, tell, print);
  },
);
