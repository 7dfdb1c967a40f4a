import { command, reportOptions } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary: 'Time the VOC07 SVM against scikit-learn; writes reports/svm_speed.{json,md}.',
    ends: 'tidies',
    options: {
      python: {
        kind: 'text',
        value: 'FILE',
        help: 'Python with scikit-learn',
        default: 'python3',
      },
      count: { kind: 'int', help: 'images', default: 5011, min: 1 },
      width: { kind: 'int', help: 'features of an image', default: 8192, min: 1 },
      classes: { kind: 'int', help: 'classes', default: 20, min: 1 },
      sampled: { kind: 'int', help: 'classes that scikit-learn is timed on', default: 2, min: 1 },
      rounds: { kind: 'int', help: 'runs of ours', default: 1, min: 1 },
      ...reportOptions,
      side: { kind: 'text', value: 'DIR', help: 'only time our side on the features of DIR' },
    },
    examples: ['--python ~/torch/bin/python'],
  },
  async ({ options, print }) => {
    if (options.side !== undefined) {
      const { ourMachines } = await load('tools/speed/svm.ts');
      return print(await ourMachines(options.side, options));
    }
    const { svmAgainst } = await load('tools/speed/svm_against.ts');
    const { summariseSvm } = await load('reports/svm_speed.ts');
    const { report, page } = await svmAgainst(options);
    print(summariseSvm(report), page);
  },
);
