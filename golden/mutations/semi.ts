import { inFile, type MutationSet } from './mutation.ts';

/** One point of the grid, of two replicas. */
export const semi: MutationSet = {
  experiment: 'semi',
  benchmark: true,
  set: [
    'benchmark.data.test.count=96',
    'benchmark.lrs=[0.01]',
    'benchmark.heads=[10]',
    'benchmark.epochs=3',
    'benchmark.milestones=[1]',
  ],
  mutations: [
    ...inFile('benchmarks/semi.ts', [
      ["the head's own rate lost", 'lrMultiplier: head }', 'lrMultiplier: 1 }'],
      ['the rate of everything multiplied', "match: '^head\\\\.'", "match: '.'"],
      ['another subset', 'percent, seed: chosen.seed', 'percent, seed: chosen.seed + 1'],
      [
        '1 % in place of 10 %',
        'source: data.train, percent, seed',
        'source: data.train, percent: 5, seed',
      ],
      ['gamma of 0.1', 'gamma: 0.2,', 'gamma: 0.1,'],
      ["10 %'s weight decay for 1 %'s", '1e-4, logEvery: 50', '5e-4, logEvery: 50'],
      [
        'the worst cell told as the best, and its rate',
        'best_lr: lr, best_head: head',
        'best_lr: head, best_head: lr',
      ],
    ]),
    ...inFile('benchmarks/training.ts', [
      ['statistics of one replica', "norm : 'sync' }", "norm : 'batch' }"],
      [
        'statistics frozen',
        'frozenStages: -1, normEval: false',
        'frozenStages: -1, normEval: true',
      ],
      ['the stem frozen', 'frozenStages: -1, normEval: false', 'frozenStages: 0, normEval: false'],
    ]),
  ],
};
