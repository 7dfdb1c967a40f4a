import { resolve } from 'node:path';
import { command, reportOptions } from './cli.mjs';
import { load, root } from './load.mjs';

const { timedSteps } = await load('tools/speed/timed_steps.ts');
const kinds = (await timedSteps()).map(({ kind }) => kind);

await command(
  import.meta.url,
  {
    summary: 'Time training steps against PyTorch, turn by turn; writes reports/speed.{json,md}.',
    ends: 'tidies',
    options: {
      python: { kind: 'text', value: 'FILE', help: 'Python with torch', default: 'python3' },
      reference: {
        kind: 'text',
        value: 'FILE',
        help: 'the script that times a step in PyTorch',
        default: resolve(root, '../shared/perf/torch_reference.py'),
      },
      pairs: { kind: 'int', help: 'turns, or runs of a loop, of each side', default: 12, min: 1 },
      method: {
        kind: 'list',
        value: 'NAME',
        choices: [...kinds, 'all'],
        help: 'whose cases; may be repeated (default: moco)',
      },
      case: {
        kind: 'list',
        value: 'NAME',
        help: "e.g. 'npid step 50/224/8 fp32'; may be repeated",
      },
      files: { kind: 'text', value: 'LIST', help: 'JPEG paths, one a line; adds the loop cases' },
      peak: { kind: 'flag', help: 'also measure the matrix-product rate' },
      ...reportOptions,
    },
    examples: [
      "--python ~/torch/bin/python --case 'moco step 18/32/64 fp32'",
      '--python ~/torch/bin/python --method simclr --method byol',
    ],
  },
  async ({ options, print }) => {
    const { speedAgainstTorch } = await load('tools/speed/against_torch.ts');
    await speedAgainstTorch(options, print);
  },
);
