import { command, reportOptions } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary:
      'Time a step on one core, on two processes with a core each, and on both cores; writes reports/scaling_speed.{json,md}.',
    ends: 'tidies',
    options: {
      method: { kind: 'text', value: 'NAME', help: 'whose step', default: 'moco' },
      precision: { kind: 'text', value: 'P', help: 'of layers: fp32 or bf16', default: 'fp32' },
      case: {
        kind: 'list',
        value: 'DEPTH/SIZE/BATCH',
        help: '50/224/16 or 18/32/64 (default: both)',
      },
      rounds: { kind: 'int', help: 'turns of each side', default: 5, min: 1 },
      ...reportOptions,
      side: { kind: 'text', value: 'JSON', help: 'only be one of the processes' },
    },
    examples: ['--case 18/32/64 --rounds 10'],
  },
  async ({ options, print }) => {
    if (options.side !== undefined) {
      const { scalingSide } = await load('tools/speed/scaling_side.ts');
      return print(await scalingSide(JSON.parse(options.side), print));
    }
    const { scaling } = await load('tools/speed/scaling.ts');
    const { summariseScaling } = await load('reports/scaling_speed.ts');
    const { report, page } = await scaling(options);
    print({ cases: report.cases.map(summariseScaling) }, page);
  },
);
