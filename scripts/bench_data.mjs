import { command, reportOptions } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary:
      "Time the data path of MoCo v2 against torchvision's; writes reports/data_speed.{json,md}.",
    ends: 'tidies',
    options: {
      files: { kind: 'text', value: 'LIST', help: 'JPEG paths, one a line' },
      python: { kind: 'text', value: 'FILE', help: 'Python with torch', default: 'python3' },
      images: { kind: 'int', help: 'timed in each run', default: 512, min: 32 }, // a batch
      rounds: { kind: 'int', help: 'runs of every side', default: 3, min: 1 },
      ours: { kind: 'flag', help: 'only our side, nothing written' },
      ...reportOptions,
    },
    examples: ['--files photographs.txt --python ~/torch/bin/python'],
  },
  async ({ options, print }) => {
    const { dataAgainstTorch } = await load('tools/speed/data_against_torch.ts');
    print(await dataAgainstTorch(options));
  },
);
