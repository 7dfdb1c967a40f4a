import { command, reportOptions } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary: "Time COCO's numbers against pycocotools; writes reports/coco_speed.{json,md}.",
    ends: 'tidies',
    options: {
      python: { kind: 'text', value: 'FILE', help: 'Python with pycocotools', default: 'python3' },
      images: { kind: 'int', help: 'drawn images', default: 5000, min: 1 },
      detections: { kind: 'int', help: 'of an image', default: 100, min: 1 },
      rounds: { kind: 'int', help: 'runs of each side', default: 3, min: 1 },
      ...reportOptions,
      side: { kind: 'text', value: 'DIR', help: 'only time our side on the files of DIR' },
      kind: { kind: 'text', value: 'KIND', help: 'boxes or masks, of --side', default: 'boxes' },
    },
    examples: ['--python ~/coco/bin/python'],
  },
  async ({ options, print }) => {
    const { cocoAgainst, ourCoco } = await load('tools/speed/coco.ts');
    if (options.side !== undefined) return print(await ourCoco(options.side, options.kind));
    const { summariseCoco } = await load('reports/coco_speed.ts');
    const { report, page } = await cocoAgainst(options);
    print({ kinds: summariseCoco(report) }, page);
  },
);
