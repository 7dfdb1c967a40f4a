import { command, tell } from './cli.mjs';
import { load } from './load.mjs';

const { extractOptions } = await load('tools/command/extract.ts');

await command(
  import.meta.url,
  {
    summary: 'Write the features of frozen weights as arrays of NumPy, each layer under its name.',
    ends: 'tidies',
    arguments: [
      {
        name: 'WEIGHTS',
        help: 'a file of weights, also of PyTorch; a work directory or its record; or random',
      },
    ],
    options: extractOptions,
    examples: [
      'resnet50.pth --data ~/data --layers "feat4 feat5"',
      'random --data ~/data --set sets={"mine":{"kind":"folder","root":"photos"}}',
    ],
  },
  async ({ options, args: [from], print }) => {
    const { extract } = await load('tools/command/extract.ts');
    const { untilInterrupted } = await load('tools/command/until_interrupted.ts');
    const files = await untilInterrupted('removing what is half-written', (signal) =>
      extract(from, { ...options, signal }, tell),
    );
    const lines = files.map(({ file, shape }) => `${file}: ${shape.join(' x ')}`);
    print({ files }, lines.join('\n'));
  },
);
