import { inFile, type MutationSet } from './mutation.ts';

const images = ['benchmark.data.train.count=120', 'benchmark.data.test.count=90'];

/** Two numbers of neighbours, by cosine, with votes that count by how near they are. */
export const knn: MutationSet = {
  experiment: 'knn',
  benchmark: true,
  set: [...images, 'benchmark.k=[7,30]'],
  mutations: [
    ...inFile('benchmarks/knn.ts', [
      [
        'labels of other images',
        'const [labels, truth] = [train.labels,',
        'const [labels, truth] = [Int32Array.from(train.labels).reverse(),',
      ],
      [
        'labels shifted by one',
        'const [labels, truth] = [train.labels,',
        'const [labels, truth] = [train.labels.map((c) => (c + 1) % classes),',
      ],
      ['six in place of five', 'Math.min(5, classes)', 'Math.min(6, classes)'],
      ['one more of the few', 'at % k < fewer;', 'at % k !== 0 && at % k <= fewer;'],
    ]),
    ...inFile('harness/evaluation/knn.ts', [
      ['times the temperature', 'exp(apart / temperature)', 'exp(apart * temperature)'],
      [
        'a hundredth of the temperature',
        'exp(apart / temperature)',
        'exp((100 * apart) / temperature)',
      ],
      ['all votes alike', "voting === 'uniform' ?", "voting !== 'uniform' ?"],
    ]),
    ...inFile('harness/evaluation/similarity.ts', [
      ['rows shorter than 1', 'GRID / Math.sqrt(squares)', 'GRID / Math.sqrt(squares + 1)'],
      ['a coarser grid', 'GRID = 2 ** 26', 'GRID = 2 ** 16'],
    ]),
    ...inFile('harness/evaluation/second_look.ts', [
      ['the nearest left out', 'const at = order[rank] ?? 0;', 'const at = order[rank + 1] ?? 0;'],
      ['the next but one', 'places[base + at] ?? 0;', 'places[base + at + 1] ?? 0;'],
    ]),
    ...inFile('harness/evaluation/candidates.ts', [
      ['the farthest left out', 'held, this.k - 1)', 'held, this.k - 2)'],
    ]),
  ],
};

/** By distance, with votes that all count the same, in more room than k needs. */
export const knnByDistance: MutationSet = {
  experiment: 'knn',
  benchmark: true,
  set: [...images, 'benchmark.k=9', 'benchmark.metric=euclidean', 'benchmark.voting=uniform'],
  mutations: [
    ...inFile('harness/evaluation/similarity.ts', [
      [
        'squared distances',
        '-Math.sqrt(squares(rows, from, query))',
        '-squares(rows, from, query)',
      ],
      ['lengths count twice in the screen', 'width) ** 2) / 2,', 'width) ** 2),'],
    ]),
    ...inFile('harness/evaluation/rows.ts', [
      [
        'equal votes go to the higher class',
        'value === own && c < label',
        'value === own && c > label',
      ],
    ]),
  ],
};
