import { inFile, type MutationSet, SHORT } from './mutation.ts';

const drawn = { kind: 'generated', count: 400, classes: 10, size: 32, seed: 0, split: 'train' };

/** Which samples a class-balanced subset has, and what it says of them. */
export const data: MutationSet = {
  experiment: 'supervised',
  set: [
    ...SHORT,
    `data.train=${JSON.stringify({ kind: 'subset', source: drawn, percent: 33.4, seed: 3 })}`,
  ],
  mutations: [
    ...inFile('harness/data/sources/balanced.ts', [
      [
        'a percentage rounded up',
        'Math.floor((count * percent) / 100',
        'Math.ceil((count * percent) / 100',
      ],
      [
        'the first samples of each class',
        'order.subarray(0, share)',
        'order.sort().subarray(0, share)',
      ],
      ['subset without its seed', "stream(seed, 'subset', label)", "stream(0, 'subset', label)"],
      ['one draw for all classes', "stream(seed, 'subset', label)", "stream(seed, 'subset', 0)"],
      ['a subset class by class', 'Int32Array.from(picked).sort()', 'Int32Array.from(picked)'],
      ['not balanced', 'shares[label] = least + 1', 'shares[label] = least'],
    ]),
    ...inFile('harness/data/sources/subset.ts', [
      [
        'labels of the next sample',
        'labels[index] ?? 0',
        'labels[(index + 1) % labels.length] ?? 0',
      ],
      ['pictures of the next sample', 'index: at }', 'index: (at + 1) % source.count }'],
    ]),
  ],
};
