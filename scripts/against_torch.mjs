import { command, reportOptions } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary:
      'Make the report of a run of ours beside the same run in PyTorch (tools/torch/README.md).',
    arguments: [{ name: 'WORK_DIR', help: 'our run, finished' }],
    options: {
      theirs: { kind: 'text', value: 'FILE', help: 'JSON lines of the whole run in PyTorch' },
      first_ours: { kind: 'text', value: 'FILE', help: 'losses.jsonl of an fp32 trace of ours' },
      first_theirs: { kind: 'text', value: 'FILE', help: 'JSON lines of PyTorch on that trace' },
      torch: { kind: 'text', value: 'VERSION', help: 'version of PyTorch' },
      date: { kind: 'text', value: 'YYYY-MM-DD', help: 'day of the runs' },
      out: { ...reportOptions.out, help: 'for the page' },
    },
    examples: ['work_dirs/moco-cifar10 --theirs torch.jsonl --first_ours trace/losses.jsonl …'],
  },
  async ({ options, args: [workDir], print }) => {
    const { compareWithTorch } = await load('tools/torch/comparison.ts');
    const { writeComparison } = await load('reports/write_pages.ts');
    const { verdictOf } = await load('reports/pytorch.ts');
    const { theirs, first_ours: firstOurs, first_theirs: firstTheirs, date, torch } = options;
    const files = { workDir, theirs, firstOurs, firstTheirs };
    const value = compareWithTorch(files, { date, torch });
    const page = await writeComparison(options.out, value);
    print(verdictOf(value), page);
  },
);
