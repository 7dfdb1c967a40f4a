import { command } from './cli.mjs';
import { load } from './load.mjs';

const { shapeOptions } = await load('tools/speed/shape.ts');

await command(
  import.meta.url,
  {
    summary: 'Where the time of a training step goes: by op, or with --nodes by node and line.',
    options: {
      ...shapeOptions,
      warmup: { kind: 'int', help: 'steps before', default: 2, min: 0 },
      steps: { kind: 'int', help: 'steps that are averaged', default: 3, min: 1 },
      nodes: { kind: 'int', help: 'list this many nodes instead', default: 0, min: 0 },
      type: { kind: 'text', value: 'OP', help: 'only nodes of this type' },
    },
    examples: ['--depth 18 --size 32 --batch 64', '--nodes 30 --type Conv2D'],
  },
  async ({ options, print }) => {
    const { profile } = await load('tools/speed/profile.ts');
    const { span, kernels, rows } = await profile(options);
    print(
      { span_ms: span, kernels_ms: kernels },
      `step ${span.toFixed(1)} ms, kernels ${kernels.toFixed(1)} ms in all`,
    );
    for (const row of rows) {
      const { name, ms, count, where = '' } = row;
      const share = ((100 * ms) / kernels).toFixed(1).padStart(5);
      const times = String(Math.round(count)).padStart(5);
      print(row, `${ms.toFixed(2).padStart(9)} ms ${share} % ${times} x ${name} ${where}`);
    }
  },
);
