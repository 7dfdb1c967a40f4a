import { resolve } from 'node:path';
import { command, reportOptions } from './cli.mjs';
import { load, root } from './load.mjs';

await command(
  import.meta.url,
  {
    summary:
      "Time a detector's steps against PyTorch's, turn by turn; writes reports/detection_speed.{json,md}.",
    ends: 'tidies',
    options: {
      python: {
        kind: 'text',
        value: 'FILE',
        help: 'Python with torch, torchvision and pycocotools',
        default: 'python3',
      },
      reference: {
        kind: 'text',
        value: 'FILE',
        help: 'the script that times a step of training in PyTorch',
        default: resolve(root, '../shared/perf/torch_detection_reference.py'),
      },
      pairs: { kind: 'int', help: 'turns of each side', default: 5, min: 1 },
      case: {
        kind: 'list',
        value: 'NAME',
        help: "e.g. 'training fp32, masks'; may be repeated (default: all)",
      },
      ...reportOptions,
      side: { kind: 'text', value: 'JSON', help: 'only be our process' },
    },
    examples: ["--python ~/torch/bin/python --case 'inference fp32'"],
  },
  async ({ options, print }) => {
    if (options.side !== undefined) {
      const { detectionSide } = await load('tools/speed/detection_side.ts');
      return print(await detectionSide(JSON.parse(options.side), print));
    }
    const { detectionAgainst } = await load('tools/speed/detection_against.ts');
    const { report, page } = await detectionAgainst(options);
    print({ cases: report.cases }, page);
  },
);
