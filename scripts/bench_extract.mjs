import { command, reportOptions } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary:
      "Time the extraction of features against PyTorch's; writes reports/extract_speed.{json,md}.",
    ends: 'tidies',
    options: {
      files: { kind: 'text', value: 'LIST', help: 'JPEG paths, one a line' },
      python: { kind: 'text', value: 'FILE', help: 'Python with torch', default: 'python3' },
      images: { kind: 'int', help: 'timed in each run', default: 256, min: 32 }, // a batch
      rounds: { kind: 'int', help: 'runs of every side', default: 5, min: 1 },
      workers: { kind: 'int', help: 'threads that prepare images', default: 1, min: 0 },
      precision: { kind: 'text', help: 'fp32 or bf16, of --ours', default: 'fp32' },
      ours: { kind: 'flag', help: 'only one run of our side, nothing written' },
      ...reportOptions,
    },
    examples: ['--files photographs.txt --python ~/torch/bin/python'],
  },
  async ({ options, print }) => {
    const { extractAgainstTorch } = await load('tools/speed/extract_against_torch.ts');
    print(await extractAgainstTorch(options));
  },
);
