import { command, setOption, tell } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary: 'Write what PyTorch needs to train a detector by the same steps.',
    arguments: [{ name: 'WEIGHTS', help: 'a file of weights, or random' }],
    options: {
      steps: { kind: 'int', value: 'N', min: 1, default: 20, help: 'steps to take' },
      data: { kind: 'text', value: 'DIR', help: 'folder of data; drawn pictures without it' },
      out: { kind: 'text', value: 'DIR', help: 'where it goes', default: 'detection-trace' },
      set: setOption,
    },
    examples: ['random --steps 20 --set benchmark.replicas=1 --out trace'],
  },
  async ({ options: { out: folder, steps, data, set }, args: [weights], print }) => {
    const { traceDetection } = await load('tools/torch/detection_trace.ts');
    await traceDetection({ weights, data, set, steps, folder }, tell);
    print({ steps, folder }, `${steps} steps: ${folder}/trace.json`);
  },
);
