import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type HostArray, hostArray } from '../engine/array.ts';
import { startEngine } from '../engine/index.ts';
import { differentiate, evaluate, floats } from '../testing/evaluate.ts';
import { layerContext } from '../testing/layer_context.ts';
import { classification, classifier } from './heads.ts';

beforeAll(startEngine);

it('takes a whole map in the order C, H, W, and says how many values it has', async () => {
  const image = floats([1, 2, 1, 2], [1, 2, 3, 4]); // rows of pixels: (1, 2), (3, 4)
  const flat = (inputs: number) =>
    evaluate(
      {
        x: image,
        w: floats([1, inputs], [1, 10, 100, 1000, 0].slice(0, inputs)),
        b: floats([1], [0]),
      },
      ({ x, w, b }) => {
        if (!x || !w || !b) throw new Error('an input is missing');
        const head = classifier({ inputs, classes: 1, pool: 'flat' });
        return { y: head.apply({ 'fc_cls.weight': w, 'fc_cls.bias': b }, x, layerContext()) };
      },
    );
  expect(Number((await flat(4)).y?.data[0])).toBe(1 + 3 * 10 + 2 * 100 + 4 * 1000);
  await expect(flat(5)).rejects.toThrow(
    'method.flat: 5 values of an image, but its map [2,1,2] has 4',
  );
});

interface Problem {
  readonly logits: readonly (readonly number[])[];
  readonly targets: readonly number[];
  readonly weights?: readonly number[] | undefined;
}

/** -log softmax of the target, row by row, then the mean, each row counting as its class weighs. */
function slowLoss({ logits, targets, weights }: Problem): number {
  let total = 0;
  let weighed = 0;
  for (const [i, row] of logits.entries()) {
    const target = targets[i] ?? 0;
    let all = 0;
    for (const x of row) all += Math.exp(x);
    const weight = weights?.[target] ?? 1;
    total -= weight * Math.log(Math.exp(row[target] ?? 0) / all);
    weighed += weight;
  }
  return total / weighed;
}

const problems: fc.Arbitrary<Problem> = fc
  .record({ rows: fc.integer({ min: 1, max: 6 }), classes: fc.integer({ min: 1, max: 7 }) })
  .chain(({ rows, classes }) => {
    const list = <T>(of: fc.Arbitrary<T>, length: number) =>
      fc.array(of, { minLength: length, maxLength: length });
    const logit = fc.integer({ min: -300, max: 300 }).map((x) => x / 50);
    return fc.record({
      logits: list(list(logit, classes), rows),
      targets: list(fc.integer({ min: 0, max: classes - 1 }), rows),
      weights: fc.option(
        list(
          fc.integer({ min: 1, max: 40 }).map((x) => x / 10),
          classes,
        ),
        {
          nil: undefined,
        },
      ),
    });
  });

const matrix = (rows: Problem['logits']) =>
  floats([rows.length, rows[0]?.length ?? 0], rows.flat());
const integers = (values: readonly number[]) =>
  hostArray('int32', [values.length], Int32Array.from(values));

function inputsOf({ logits, targets, weights }: Problem): Record<string, HostArray> {
  const given = weights === undefined ? {} : { weights: floats([weights.length], weights) };
  return { logits: matrix(logits), targets: integers(targets), ...given };
}

function judged(problem: Problem): Promise<Record<string, HostArray>> {
  return evaluate(inputsOf(problem), ({ logits, targets, weights }) => {
    if (!logits || !targets) throw new Error('an input is missing');
    return { ...classification(logits, targets, weights) };
  });
}

describe('classification', () => {
  it('has the loss of plain loops', async () => {
    await fc.assert(
      fc.asyncProperty(problems, async (problem) => {
        const { loss } = await judged(problem);
        const expected = slowLoss(problem);
        expect(Math.abs(Number(loss?.data[0]) - expected)).toBeLessThan(
          2e-5 * Math.max(1, expected),
        );
      }),
      { numRuns: 40, seed: 1 },
    );
  });

  it('has the slope of plain loops', async () => {
    await fc.assert(
      fc.asyncProperty(problems, async (problem) => {
        const { logits, ...constants } = inputsOf(problem);
        if (!logits) throw new Error('no logits');
        const outputs = await differentiate(
          {
            variables: { logits },
            constants,
            apply: (x) => {
              if (!x.logits || !x.targets) throw new Error('an input is missing');
              return classification(x.logits, x.targets, x.weights).loss;
            },
          },
          floats([], [1]),
        );
        const slope = outputs['grad.logits']?.data ?? [];
        const classes = problem.logits[0]?.length ?? 0;
        const h = 1e-5;
        problem.logits.forEach((row, i) => {
          row.forEach((_, c) => {
            const moved = (by: number) =>
              slowLoss({
                ...problem,
                logits: problem.logits.map((r, j) =>
                  j === i ? r.map((x, e) => (e === c ? x + by : x)) : r,
                ),
              });
            const rise = (moved(h) - moved(-h)) / (2 * h);
            expect(Math.abs(Number(slope[i * classes + c]) - rise)).toBeLessThan(1e-5);
          });
        });
      }),
      { numRuns: 20, seed: 2 },
    );
  });

  it('counts the rows whose own class is the largest', async () => {
    const logits = [
      [0, 1, 2],
      [3, 1, 2],
      [0, -1, -2],
      [0, 5, 4],
    ];
    const { accuracy } = await judged({ logits, targets: [2, 0, 1, 1] });
    expect(accuracy?.data[0]).toBe(0.75);
  });
});

describe('the classifier', () => {
  it('has one layer under the name of the original, and pools where asked', () => {
    const { parameters } = classifier({ inputs: 6, classes: 3 });
    expect([...parameters].map(([name, { shape, role }]) => [name, shape, role])).toEqual([
      ['fc_cls.weight', [3, 6], 'linear'],
      ['fc_cls.bias', [3], 'bias'],
    ]);
  });

  it.each([
    [false, [2, 2]],
    [true, [2, 1, 2, 2]],
  ])('is the product, pooled: %s', async (pool, shape) => {
    const head = classifier({ inputs: 2, classes: 3, pool });
    // Rows (1, 2) and (3, 5); as images, two pixels around them.
    const x = pool ? [0, 1, 2, 3, 2, 5, 4, 5] : [1, 2, 3, 5];
    const inputs = {
      x: floats(shape, x),
      weight: floats([3, 2], [1, 0, 0, 1, 1, -1]),
      bias: floats([3], [0, 10, 0]),
    };
    const { y } = await evaluate(inputs, (made) => {
      if (!made.x || !made.weight || !made.bias) throw new Error('an input is missing');
      const params = { 'fc_cls.weight': made.weight, 'fc_cls.bias': made.bias };
      return { y: head.apply(params, made.x, layerContext()) };
    });
    expect([...(y?.data ?? [])]).toEqual([1, 12, -1, 3, 15, -2]);
  });
});
