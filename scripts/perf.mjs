import { command } from './cli.mjs';
import { load } from './load.mjs';

const { shapeOptions } = await load('tools/speed/shape.ts');

await command(
  import.meta.url,
  {
    summary: 'Time training steps of a method, or with --files the whole loop from JPEG files.',
    ends: 'tidies',
    options: {
      ...shapeOptions,
      steps: { kind: 'int', help: 'timed steps', default: 6, min: 1 },
      warmup: { kind: 'int', help: 'steps before them', default: 2, min: 0 },
      files: { kind: 'text', value: 'LIST', help: 'JPEG paths, one a line: time the whole loop' },
      turns: { kind: 'flag', help: 'wait for the number of steps of each turn on standard input' },
      workers: { kind: 'int', help: 'of the loader; never changes a bit', min: 0 },
    },
    examples: [
      '--depth 18 --size 32 --batch 64 --precision bf16 --steps 20',
      '--method odc --depth 18 --size 32 --batch 64 --steps 20',
    ],
  },
  async ({ options, print }) => {
    const { perf } = await load('tools/speed/perf.ts');
    print(await perf(options, print));
  },
);
