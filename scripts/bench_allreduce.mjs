import { command, reportOptions } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary:
      "Time the sum of gradients over processes against TensorFlow's; writes reports/allreduce_speed.{json,md}.",
    ends: 'tidies',
    options: {
      processes: { kind: 'list', value: 'N', help: 'may be repeated (default: 2 and 4)' },
      depth: { kind: 'int', help: 'of the ResNet whose gradients are added', default: 50, min: 18 },
      bucket: { kind: 'int', help: 'values that travel together', default: 2 ** 20, min: 1 },
      rounds: { kind: 'int', help: 'runs of each way', default: 10, min: 1 },
      ...reportOptions,
      side: { kind: 'text', value: 'JSON', help: 'only be one of the processes, at this place' },
    },
    examples: ['--rounds 20', '--depth 18 --bucket 262144'],
  },
  async ({ options, print }) => {
    if (options.side !== undefined) {
      const { allReduceSide } = await load('tools/speed/allreduce.ts');
      return print({ runs: await allReduceSide(JSON.parse(options.side), options) });
    }
    const { allReduceAgainst } = await load('tools/speed/allreduce_against.ts');
    const { summariseAllReduce } = await load('reports/allreduce_speed.ts');
    const { report, page } = await allReduceAgainst({
      ...options,
      processes: options.processes.length > 0 ? options.processes : ['2', '4'],
    });
    print({ cases: summariseAllReduce(report) }, page);
  },
);
