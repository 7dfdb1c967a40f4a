import { command, tell } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary:
      'Make a downloaded data set ready: check it against what is published, write lists and labels.',
    arguments: [
      {
        name: 'NAME',
        help: 'voc07, voc, coco, imagenet, imagenet_subset, places205, cifar10 or cifar100',
      },
    ],
    options: {
      from: {
        kind: 'list',
        value: 'PATH',
        help: 'folder or archive that was downloaded, only read; may be given several times',
      },
      out: { kind: 'text', value: 'DIR', default: 'data', help: 'data folder that is made ready' },
      labels: {
        kind: 'text',
        value: 'FILE',
        help: 'labels of ImageNet validation images that lie in one folder',
      },
      seed: { kind: 'int', default: 0, min: 0, help: 'of low-shot labels and subsets' },
      decode: { kind: 'flag', help: 'decode every image, not only those that seem damaged' },
      official: { kind: 'flag', help: 'fail where it is not the official set' },
    },
    examples: [
      'voc07 --from ../shared/data --out /tmp/data',
      'voc07 --from VOCtrainval_06-Nov-2007.tar --from VOCtest_06-Nov-2007.tar',
      'coco --from ~/coco --decode',
      'imagenet_subset --from 1percent.txt --from 10percent.txt',
    ],
    ends: 'saves',
  },
  async ({ options, args: [name], print }) => {
    const { prepare } = await load('tools/prepare/prepare.ts');
    const { untilInterrupted } = await load('tools/command/until_interrupted.ts');
    const { said, differences } = await untilInterrupted('stopping after this file', (signal) =>
      prepare(name, { ...options, signal, tell }),
    );
    for (const line of said) print({ said: line }, line);
    for (const line of differences) {
      print({ difference: line }, `WARNING: ${line}`);
    }
    return options.official && differences.length > 0 ? 1 : 0;
  },
);
