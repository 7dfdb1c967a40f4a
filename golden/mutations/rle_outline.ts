import { inFile, type MutationSet } from './mutation.ts';

/** An outline must be filled to the mask again, and have corners only where it turns. */
export const rleOutline: MutationSet = {
  experiment: 'outlines of run-length masks',
  tests: ['harness/metrics/rle_outline.test.ts'],
  set: [],
  mutations: [
    ...inFile('harness/metrics/rle_outline.ts', [
      ['runs outside are taken', 'i % 2 === 1 && at < end', 'i % 2 === 0 && at < end'],
      ['a run over columns is one', '(x + 1) * height)', 'columns.length * height)'],
      [
        'a run of no pixels parts its neighbours',
        'column.at(-1) === at - x * height',
        'column.at(-1) === -1',
      ],
      [
        'a column has no corner of its own at its end',
        'x * (mask.height + 1) + y',
        'x * mask.height + y',
      ],
      ['the last column has no right side', 'x <= columns.length', 'x < columns.length'],
      [
        'the upper side goes to the left',
        'if (i % 2 === 0) add(corner(x, y), corner(x + 1, y));',
        'if (i % 2 === 1) add(corner(x, y), corner(x + 1, y));',
      ],
      ['sides in the order of columns', '.sort((a, b) => a - b)', ''],
      ['sides between two parts', 'before && !behind', 'before'],
      ['a run ends a pixel later', 'y < (runs[i + 1] ?? 0)', 'y <= (runs[i + 1] ?? 0)'],
      ['a ring for each edge', 'if (edge.used) return [];', ''],
      [
        'columns are rows',
        '[Math.floor(corner / rows), corner % rows]',
        '[corner % rows, Math.floor(corner / rows)]',
      ],
      ['corners on straight sides stay', 'return straight ? [] : [x, y]', 'return [x, y]'],
      ['no way back to the first corner', '...ring.slice(0, 2), ...start', '...start'],
      ['the first ring stays open', '(others.length > 0 ? start : [])', '[]'],
    ]),
  ],
};
