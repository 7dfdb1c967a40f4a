import { command, reportOptions } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary:
      'Time a step as it is beside one without what determinism costs; writes reports/determinism_speed.{json,md}.',
    ends: 'tidies',
    options: {
      method: { kind: 'text', value: 'NAME', help: 'whose step', default: 'moco' },
      precision: { kind: 'text', value: 'P', help: 'of layers: fp32 or bf16', default: 'fp32' },
      case: {
        kind: 'list',
        value: 'DEPTH/SIZE/BATCH',
        help: '50/224/8 or 18/32/64 (default: both)',
      },
      processes: { kind: 'list', value: 'N', help: '1 or 2 (default: both)' },
      without: {
        kind: 'list',
        value: 'WHAT',
        help: 'tree, folding, rounding, lanes or kernels (default: all)',
      },
      rounds: { kind: 'int', help: 'turns of each side', default: 6, min: 1 },
      ...reportOptions,
      side: { kind: 'text', value: 'JSON', help: 'only be one of the processes' },
    },
    examples: ['--case 18/32/64 --rounds 10'],
  },
  async ({ options, print }) => {
    if (options.side !== undefined) {
      const { determinismSide } = await load('tools/speed/determinism_side.ts');
      return print(await determinismSide(JSON.parse(options.side), print));
    }
    const { determinism } = await load('tools/speed/determinism.ts');
    const { summariseDeterminism } = await load('reports/determinism_speed.ts');
    const { report, page } = await determinism(options);
    print({ cases: report.cases.map((one) => summariseDeterminism(one, report.target)) }, page);
  },
);
