import { command, dataOption, setOption } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary: 'Write what PyTorch needs to run a linear protocol on the same weights.',
    arguments: [
      { name: 'BENCHMARK', help: 'linear or linear_last' },
      { name: 'WEIGHTS', help: 'a file of weights, or a work directory' },
    ],
    options: {
      out: { kind: 'text', value: 'DIR', help: 'where it goes', default: 'probe' },
      data: dataOption,
      set: setOption,
    },
    examples: ['linear_last work_dirs/moco-cifar10 --data ~/data --out probe'],
  },
  async ({ options: { out: folder, data, set }, args: [benchmark, weights], print }) => {
    const { traceProbe } = await load('tools/torch/probe_trace.ts');
    const steps = await traceProbe({ benchmark, weights, data, set, folder });
    print({ steps, folder }, `${steps} steps: ${folder}/probe.json, ${folder}/probe.safetensors`);
  },
);
