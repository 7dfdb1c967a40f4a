import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../harness/engine/index.ts';
import { evaluate, floats } from '../harness/testing/evaluate.ts';
import {
  advance,
  describeMethod,
  type SmallRun,
  scalarOf,
  withLearner,
} from '../harness/testing/method_suite.ts';
import { rotated, rotation } from './rotation.ts';

const run: SmallRun = { method: rotation, spec: { kind: 'rotation' } };

type Grid = readonly (readonly number[])[];

/**
 * A quarter counter-clockwise, pixel by pixel: out[i, j] = in[j, W - 1 - i]
 * (docs/reference/methods.md, section 5).
 */
function quarter(grid: Grid): Grid {
  const side = grid.length;
  return grid.map((row, i) => row.map((_, j) => grid[j]?.[side - 1 - i] ?? Number.NaN));
}

async function turned(images: readonly Grid[]): Promise<number[]> {
  const side = images[0]?.length ?? 0;
  const inputs = { x: floats([images.length, side, side, 1], images.flat(2)) };
  const { y } = await evaluate(inputs, ({ x }) => {
    if (!x) throw new Error('no input');
    return { y: rotated(x) };
  });
  return [...(y?.data ?? [])].map(Number);
}

describe('rotations', () => {
  beforeAll(startEngine);

  // docs/reference/methods.md, section 15
  it('of rows (1 2) (3 4) are the check values', async () => {
    const grid = [
      [1, 2],
      [3, 4],
    ];
    expect(await turned([grid])).toEqual([1, 2, 3, 4, 2, 4, 1, 3, 4, 3, 2, 1, 3, 1, 4, 2]);
  });

  it('are quarters one after another, of every image for itself', async () => {
    const problem = fc
      .record({ side: fc.integer({ min: 1, max: 6 }), count: fc.integer({ min: 1, max: 3 }) })
      .map(({ side, count }) =>
        Array.from({ length: count }, (_, n) =>
          Array.from({ length: side }, (__, i) =>
            Array.from({ length: side }, (___, j) => 100 * n + 10 * i + j),
          ),
        ),
      );
    await fc.assert(
      fc.asyncProperty(problem, async (images) => {
        const expected = images.flatMap((image) => {
          const [once, twice] = [quarter(image), quarter(quarter(image))];
          return [image, once, twice, quarter(twice)];
        });
        expect(await turned(images)).toEqual(expected.flat(2));
      }),
      { numRuns: 15, seed: 1 },
    );
  });
});

describe('a step', () => {
  beforeAll(startEngine);

  it('has the mean cross entropy of the turns, in the order of the copies', async () => {
    await withLearner(
      run,
      async (learner) => {
        const [outputs = {}] = await advance(learner, 0, 1);
        const { shape = [], data = [] } = outputs['out.head'] ?? {};
        expect(shape).toEqual([16, 4]);
        let total = 0;
        let right = 0;
        for (let row = 0; row < 16; row++) {
          const logits = Array.from({ length: 4 }, (_, c) => Number(data[4 * row + c]));
          const all = logits.reduce((sum, x) => sum + Math.exp(x), 0);
          total -= Math.log(Math.exp(logits[row % 4] ?? Number.NaN) / all);
          if (logits.indexOf(Math.max(...logits)) === row % 4) right++;
        }
        expect(scalarOf(outputs, 'loss')).toBeCloseTo(total / 16, 5);
        expect(scalarOf(outputs, 'accuracy')).toBeCloseTo(right / 16, 6);
      },
      { observe: true },
    );
  });
});

describeMethod('rotation', run);
