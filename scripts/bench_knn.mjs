import { command, reportOptions } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary: 'Time exact k-NN against PyTorch; writes reports/knn_speed.{json,md}.',
    ends: 'tidies',
    options: {
      python: { kind: 'text', value: 'FILE', help: 'Python with PyTorch', default: 'python3' },
      references: { kind: 'int', help: 'rows that are searched', default: 50000, min: 1 },
      queries: { kind: 'int', help: 'rows that are searched for', default: 10000, min: 1 },
      width: { kind: 'list', value: 'N', help: 'numbers of a row (default: 512 and 2048)' },
      k: { kind: 'int', help: 'neighbours', default: 200, min: 1 },
      threads: { kind: 'int', help: 'threads of both sides', default: 2, min: 1 },
      rounds: { kind: 'int', help: 'runs of each side', default: 3, min: 1 },
      ...reportOptions,
      side: { kind: 'text', value: 'DIR', help: 'only time our side on the rows of DIR' },
    },
    examples: ['--python ~/torch/bin/python --width 512'],
  },
  async ({ options, print }) => {
    const { knnAgainst, ourKnn } = await load('tools/speed/knn.ts');
    if (options.side !== undefined)
      return print(await ourKnn(options.side, { ...options, width: Number(options.width[0]) }));
    const { summariseKnn } = await load('reports/knn_speed.ts');
    const { report, page } = await knnAgainst(options);
    print({ searches: summariseKnn(report) }, page);
  },
);
