import { inFile, type MutationSet } from './mutation.ts';

const short = ['benchmark.data.train.count=128', 'benchmark.data.test.count=96'];

/** The protocol "Last", with views that are drawn anew. */
export const linearLast: MutationSet = {
  experiment: 'linear_last',
  benchmark: true,
  set: [...short, 'benchmark.health.steps=4', 'benchmark.milestones=[4]', 'benchmark.lr=1'],
  mutations: [
    ...inFile('benchmarks/linear_last.ts', [
      [
        'the last epoch told as the best, and the best as the last',
        '[epochs[best], epochs.at(-1)]',
        '[epochs.at(-1), epochs[best]]',
      ],
      ['the untrained state counts as an epoch', 'best_epoch: best + 1,', 'best_epoch: best + 2,'],
      [
        'the worst epoch told as the best',
        'first(epochs[i]) > first(epochs[a])',
        'first(epochs[i]) < first(epochs[a])',
      ],
      [
        'the stage before the last',
        'const level = backbone.widths.length - 1;',
        'const level = backbone.widths.length - 2;',
      ],
    ]),
    ...inFile('benchmarks/training.ts', [
      ['another mean of pixels', 'mean: [...mean],', 'mean: [...std],'],
      ['views as of test images', 'pipelines: [data.view],', 'pipelines: [data.pipeline],'],
    ]),
  ],
};

/** At a rate that a backbone which learns would bear. */
export const slow: MutationSet = {
  experiment: 'linear_last',
  benchmark: true,
  set: [...short, 'benchmark.lr=0.001', 'benchmark.epochs=2', 'benchmark.milestones=[1]'],
  mutations: [
    ...inFile('harness/nn/module.ts', [
      [
        'a frozen backbone learns',
        '    ...fixed(module),\n    apply: (params, x, context) => module.apply(params, x, evaluating(context)),',
        '    ...module,\n    apply: (params, x, context) => module.apply(params, x, evaluating(context)),',
      ],
    ]),
  ],
};

/** Features that are computed once. */
export const cached: MutationSet = {
  experiment: 'linear_last',
  benchmark: true,
  set: [
    ...short,
    'benchmark.cache=32',
    'benchmark.data.view=[{"kind":"resize","size":32},{"kind":"centerCrop"}]',
  ],
  mutations: [
    ...inFile('harness/run/row_cache.ts', [
      [
        'features of another image',
        'values.subarray(index * width, (index + 1) * width)',
        'values.subarray(Math.max(0, index - 1) * width, Math.max(1, index) * width)',
      ],
    ]),
    ...inFile('harness/data/loader/loader.ts', [
      [
        'the same order in every epoch of features',
        'const steps = this.steps({ epoch, step: fromStep }, epoch + 1, samples);',
        'const steps = this.steps({ epoch: 0, step: fromStep }, 1, samples);',
      ],
    ]),
    ...inFile('harness/step/learner_host.ts', [
      [
        'the last features left out',
        'values.set(rows, first * width);',
        'if (first + rows.length / width < this.samples) values.set(rows, first * width);',
      ],
    ]),
  ],
};
