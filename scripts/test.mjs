import { command, dataOption } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary: 'Test the classifier of a checkpoint on the test images of its experiment.',
    arguments: [{ name: 'CHECKPOINT', help: 'a checkpoint, or a work directory: its newest one' }],
    options: {
      data: dataOption,
      epoch: { kind: 'int', value: 'N', min: 0, help: 'of a work directory (default: the newest)' },
      workers: { kind: 'int', value: 'N', min: 0, help: 'threads that prepare data' },
      threads: { kind: 'int', value: 'N', min: 1, help: 'threads that compute' },
    },
    examples: ['work_dirs/benchmarks/linear-cifar10/moco/linear --data ~/data'],
  },
  async ({ options: { epoch, ...options }, args: [path], print }) => {
    const { allMethods: methods } = await load('tools/command/subject.ts');
    const { testWeights } = await load('harness/run/test_weights.ts');
    const { weightsFileOf } = await load('harness/weights/weights_path.ts');
    const file = weightsFileOf(path, epoch);
    const metrics = await testWeights({ file, methods, ...options });
    const lines = Object.entries(metrics).map(([name, value]) => `${name}: ${value.toFixed(3)}`);
    print({ file, ...metrics }, lines.join('\n'));
  },
);
