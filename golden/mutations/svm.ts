import { inFile, type MutationSet } from './mutation.ts';

const images = ['benchmark.data.train.count=120', 'benchmark.data.test.count=90'];

/** One SVM a class: labels, folds, costs, the objective, and both rules of average precision. */
export const svm: MutationSet = {
  experiment: 'svm',
  benchmark: true,
  set: [...images, 'benchmark.layers=["feat5"]'],
  mutations: [
    ...inFile('benchmarks/svm.ts', [
      ['difficult images are positives', 'mark === 1 ? 1 : -1', 'mark !== 0 ? 1 : -1'],
      [
        'the cost of the place before',
        'chosen: place }) => coefficients[place]',
        'chosen: place }) => coefficients[Math.max(0, place - 1)]',
      ],
      ['11 points in place of the area', 'onSureImages(areaAp,', 'onSureImages(elevenPointAp,'],
      [
        'classes shifted by one',
        'const marks = marksByClass(test);',
        'const marks = marksByClass(test).map((_, c, all) => all[(c + 1) % all.length] ?? _);',
      ],
      ['another epsilon', 'spec.epsilon', '1.1 * spec.epsilon'],
      [
        'another intercept',
        'intercept: spec.interceptScaling',
        'intercept: 1.01 * spec.interceptScaling',
      ],
    ]),
    ...inFile('benchmarks/marked.ts', [
      [
        'difficult images are judged',
        'scores.filter((_, i) => marks[i] !== -1),\n    marks.filter((mark) => mark !== -1),',
        'scores,\n    marks,',
      ],
    ]),
    ...inFile('harness/svm/costs.ts', [
      [
        'a cost dropped',
        'costs.map((_, place) => place);',
        'costs.slice(1).map((_, place) => place);',
      ],
      [
        'the last of equally good costs',
        'value > (values[best] ?? 0)',
        'value >= (values[best] ?? 0)',
      ],
    ]),
    ...inFile('harness/svm/column.ts', [
      ['class weights swapped', '> 0 ? positive : negative', '< 0 ? positive : negative'],
      ['half the cost', '1 / (2 * cost * weight)', '1 / (cost * weight)'],
    ]),
    ...inFile('harness/svm/folds.ts', [
      [
        'folds dealt out in turn',
        'quota.findIndex((left) => left > 0)',
        'quota.indexOf(Math.max(...quota))',
      ],
    ]),
    ...inFile('harness/svm/one_vs_rest.ts', [
      [
        'folds are not left out',
        'folds[i] === fold ? 0 : label',
        'folds[i] === -fold - 1 ? 0 : label',
      ],
      ['costs chosen by the area', 'import { stepAp }', 'import { areaAp as stepAp }'],
    ]),
    ...inFile('harness/svm/rows.ts', [
      ['rows over their square', 'Math.sqrt(squares) + epsilon', 'squares + epsilon'],
    ]),
    ...inFile('harness/svm/products.ts', [
      ['no intercept', 'const added = own.intercept * others.intercept;', 'const added = 0;'],
    ]),
    ...inFile('harness/svm/newton.ts', [
      ['ends early', 'export const GAP = 1e-14;', 'export const GAP = 1e-5;'],
    ]),
    ...inFile('harness/metrics/average_precision.ts', [
      [
        'precision not made monotone',
        'best = Math.max(best, found / (ranks[found - 1] ?? 1));',
        'best = found / (ranks[found - 1] ?? 1);',
      ],
      [
        'recalls reached early',
        'Math.floor((10 * (i + 1)) / ranks.length)',
        'Math.ceil((10 * (i + 1)) / ranks.length)',
      ],
      [
        'positives counted one short',
        'const found = present.length - first;',
        'const found = present.length - from;',
      ],
    ]),
  ],
};

/** The same on a few images: draws, subsets, and what is made of the samples. */
export const lowshot: MutationSet = {
  experiment: 'lowshot',
  benchmark: true,
  set: [...images, 'benchmark.samples=2', 'benchmark.ks=[1,3]'],
  mutations: [
    ...inFile('benchmarks/lowshot.ts', [
      [
        'every sample is the first',
        '{ k, sample, seed, negatives }',
        '{ k, sample: 1, seed, negatives }',
      ],
      ['trained on all images', 'filter((i) => own[i] !== -1)', 'filter((i) => own[i] !== -2)'],
      [
        'the cost of the best sample',
        'firstMaximum(row.map((one) => one.mean))',
        'firstMaximum(row.map((one) => one.max))',
      ],
      [
        'the honest column looks at the test images',
        'scores.map(({ crossvalAp }) => crossvalAp)',
        'scores.map(({ crossvalAp, testAp }) => crossvalAp && testAp)',
      ],
      ['another epsilon', 'spec.epsilon', '1e4 * spec.epsilon'],
    ]),
    ...inFile('harness/data/low_shot.ts', [
      ['a negative too few', '[ABSENT, negatives * k],', '[ABSENT, negatives * k - 1],'],
      [
        'difficult images are drawn as negatives',
        'if (marks[at] === mark)',
        'if (marks[at] === mark || (mark === ABSENT && marks[at] === DIFFICULT))',
      ],
    ]),
    ...inFile('harness/svm/lowshot.ts', [
      [
        'difficult images are judged',
        'filter((i) => targets[i] !== -1)',
        'filter((i) => targets[i] !== -2)',
      ],
      ['folds scored on what was learnt', 'folds[i] === variant - 1', 'folds[i] !== variant - 1'],
      [
        'a fold less',
        'const count = Math.min(most, ...counts);',
        'const count = Math.min(most - 1, ...counts);',
      ],
    ]),
    ...inFile('harness/svm/subsets.ts', [
      [
        'twice the cost',
        'setPenalty(column, { cost, ...weights })',
        'setPenalty(column, { cost: 2 * cost, ...weights })',
      ],
      [
        'products of the rows before',
        'into[i * stride + j] = products[from * count + to]',
        'into[i * stride + j] = products[Math.max(0, from - 1) * count + Math.max(0, to - 1)]',
      ],
    ]),
    ...inFile('harness/metrics/spread_of.ts', [
      [
        'deviation of a sample',
        'Math.sqrt(squares / values.length)',
        'Math.sqrt(squares / (values.length - 1))',
      ],
      ['the largest told as the smallest', 'min: Math.min(...values)', 'min: Math.max(...values)'],
    ]),
  ],
};
