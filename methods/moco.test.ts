import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../harness/base/errors.ts';
import type { HostArray } from '../harness/engine/array.ts';
import { startEngine } from '../harness/engine/index.ts';
import { parseExperiment } from '../harness/experiment/spec.ts';
import { contrastWithBank } from '../harness/nn/contrast.ts';
import { runStep } from '../harness/step/step.ts';
import { differentiate, evaluate, floats } from '../harness/testing/evaluate.ts';
import {
  advance,
  batchOf,
  describeMethod,
  type SmallRun,
  scalarOf,
  withLearner,
} from '../harness/testing/method_suite.ts';
import { methods } from './index.ts';
import { small } from './moco.recipes.ts';
import { moco } from './moco.ts';

const run: SmallRun = {
  method: moco,
  spec: {
    kind: 'moco',
    neck: { kind: 'mlp', hidden: 8, out: 6 },
    queue: 32,
    momentum: 0.9,
    temperature: 0.2,
  },
};

type Rows = readonly (readonly number[])[];

/** Algorithm 1 of arXiv:1911.05722, row by row: mean of -log(exp(q k / t) / (that + sum exp(q n / t))). */
function slowLoss(q: Rows, k: Rows, queue: Rows, temperature: number): number {
  let total = 0;
  for (let i = 0; i < q.length; i++) {
    const own = Math.exp(dot(q[i], k[i]) / temperature);
    let all = own;
    for (const negative of queue) all += Math.exp(dot(q[i], negative) / temperature);
    total -= Math.log(own / all);
  }
  return total / q.length;
}

function dot(a: readonly number[] = [], b: readonly number[] = []): number {
  let sum = 0;
  for (let d = 0; d < a.length; d++) sum += (a[d] ?? 0) * (b[d] ?? 0);
  return sum;
}

function unit(row: readonly number[]): number[] {
  const length = Math.sqrt(dot(row, row));
  return row.map((x) => x / length);
}

function rowsOf(array: HostArray | undefined): number[][] {
  if (array === undefined) throw new Error('an output is missing');
  const [count = 0, width = 0] = array.shape;
  const values = Array.from(array.data, Number);
  return Array.from({ length: count }, (_, i) => values.slice(i * width, (i + 1) * width));
}

const matrix = (rows: Rows) => floats([rows.length, rows[0]?.length ?? 0], rows.flat());

describe('the loss', () => {
  beforeAll(startEngine);

  const lossOf = async (q: Rows, k: Rows, queue: Rows, temperature: number) => {
    const inputs = { q: matrix(q), k: matrix(k), queue: matrix(queue) };
    const outputs = await evaluate(inputs, (x) => {
      if (!x.q || !x.k || !x.queue) throw new Error('an input is missing');
      const { loss, shares } = contrastWithBank(x.q, x.k, x.queue, temperature);
      return { loss, ...shares };
    });
    return { loss: scalarOf(outputs, 'loss'), accuracy: scalarOf(outputs, 'accuracy') };
  };

  it('is 2.13288499 for the check value', async () => {
    const bank = [
      [0, 1],
      [1, 0],
      [-1, 0],
    ];
    expect((await lossOf([[1, 0]], [[0.6, 0.8]], bank, 0.2)).loss).toBeCloseTo(2.13288499, 6);
  });

  const row = (width: number) =>
    fc
      .array(fc.integer({ min: -100, max: 100 }), { minLength: width, maxLength: width })
      .filter((values) => values.some((x) => x !== 0))
      .map(unit);
  const problem = fc
    .record({
      count: fc.integer({ min: 1, max: 5 }),
      keys: fc.integer({ min: 1, max: 20 }),
      width: fc.integer({ min: 1, max: 8 }),
      temperature: fc.constantFrom(0.07, 0.1, 0.2, 1),
    })
    .chain(({ count, keys, width, temperature }) => {
      const rows = (n: number) => fc.array(row(width), { minLength: n, maxLength: n });
      const parts = { q: rows(count), k: rows(count), queue: rows(keys) };
      return fc.record({ ...parts, temperature: fc.constant(temperature) });
    });

  it('is that of plain loops', async () => {
    await fc.assert(
      fc.asyncProperty(problem, async ({ q, k, queue, temperature }) => {
        const { loss, accuracy } = await lossOf(q, k, queue, temperature);
        const expected = slowLoss(q, k, queue, temperature);
        expect(Math.abs(loss - expected)).toBeLessThan(2e-5 * Math.max(1, expected));
        expect(accuracy).toBeGreaterThanOrEqual(0);
        expect(accuracy).toBeLessThanOrEqual(1);
      }),
      { numRuns: 40, seed: 1 },
    );
  });

  it('has the slope of plain loops', async () => {
    await fc.assert(
      fc.asyncProperty(problem, async ({ q, k, queue, temperature }) => {
        const outputs = await differentiate(
          {
            variables: { q: matrix(q) },
            constants: { k: matrix(k), queue: matrix(queue) },
            apply: (x) => {
              if (!x.q || !x.k || !x.queue) throw new Error('an input is missing');
              return contrastWithBank(x.q, x.k, x.queue, temperature).loss;
            },
          },
          floats([], [1]),
        );
        const slope = rowsOf(outputs['grad.q']);
        const h = 1e-5;
        q.forEach((values, i) => {
          values.forEach((_, d) => {
            const moved = (by: number) =>
              q.map((r, j) => (j === i ? r.map((x, e) => (e === d ? x + by : x)) : r));
            const rise =
              slowLoss(moved(h), k, queue, temperature) -
              slowLoss(moved(-h), k, queue, temperature);
            expect(Math.abs((slope[i]?.[d] ?? 0) - rise / (2 * h))).toBeLessThan(2e-4);
          });
        });
      }),
      { numRuns: 20, seed: 2 },
    );
  });
});

describe('a step', () => {
  beforeAll(startEngine);

  // The keys of a step as the queue should get them: back in the order of the images.
  function keysInOrder(outputs: Record<string, HostArray>, order: Int32Array, replicas: number) {
    const names = Array.from({ length: replicas }, (_, r) =>
      replicas > 1 ? `rank${r}.out.encoder_k` : 'out.encoder_k',
    );
    const shuffled = names.flatMap((name) => rowsOf(outputs[name]));
    const keys: number[][] = [];
    order.forEach((image, place) => {
      keys[image] = unit(shuffled[place] ?? []);
    });
    return keys;
  }

  /** What a queue should hold, to five digits. */
  const rowsLike = (rows: readonly (readonly number[])[]) =>
    rows.map((row) => row.map((x) => expect.closeTo(x, 5)));

  it.each([1, 2, 4])('has the loss of plain loops with %i replicas', async (replicas) => {
    await withLearner(
      { ...run, replicas },
      async (learner) => {
        const queue = rowsOf(await learner.program.readState('queue'));
        const [outputs = {}] = await advance(learner, 0, 1);
        const order = batchOf(learner, 0).draws.shuffle ?? new Int32Array();
        const keys = keysInOrder(outputs, order, replicas);
        for (let r = 0; r < replicas; r++) {
          const rank = replicas > 1 ? `rank${r}.` : '';
          const q = rowsOf(outputs[`${rank}out.encoder_q`]).map(unit);
          const own = keys.slice(r * 4, (r + 1) * 4);
          const loss = scalarOf(outputs, replicas > 1 ? `${rank}out.loss` : 'loss');
          expect(loss).toBeCloseTo(slowLoss(q, own, queue, 0.2), 4);
        }
        const moved = rowsOf(await learner.program.readState('queue'));
        expect(moved.slice(0, keys.length)).toEqual(rowsLike(keys));
        expect(moved.slice(keys.length)).toEqual(rowsLike(queue.slice(keys.length)));
      },
      { observe: true },
    );
  });

  it('puts keys into the queue one batch after another and starts again at its end', async () => {
    const small = { ...run, spec: { ...run.spec, queue: 8 } };
    await withLearner(
      small,
      async (learner) => {
        const batches = await advance(learner, 0, 3);
        const [, second = [], third = []] = batches.map((outputs, step) =>
          keysInOrder(outputs, batchOf(learner, step).draws.shuffle ?? new Int32Array(), 1),
        );
        const queue = rowsOf(await learner.program.readState('queue'));
        expect(queue).toEqual(rowsLike([...third, ...second]));
        expect((await learner.program.readState('queue_ptr')).data).toEqual(Int32Array.of(4));
      },
      { observe: true },
    );
  });

  it('gives each replica the images that the shuffle sends it', async () => {
    const replicas = 2;
    await withLearner(
      { ...run, replicas },
      async (learner) => {
        const state = await learner.save();
        const [outputs = {}] = await advance(learner, 0, 1);
        const { views, draws } = batchOf(learner, 0);
        const images = views[1] ?? new Uint8Array();
        const pixels = images.length / (replicas * 4);
        for (let r = 0; r < replicas; r++) {
          const mine = [...(draws.shuffle ?? [])].slice(r * 4, (r + 1) * 4);
          const shard = new Uint8Array(
            mine.flatMap((i) => [...images.subarray(i * pixels, (i + 1) * pixels)]),
          );
          const alone = await withLearner(
            run,
            async (one) => {
              await one.restore(state);
              const indices = Int32Array.of(0, 1, 2, 3);
              const batch = { views: [shard, shard], indices, draws: { shuffle: indices } };
              return runStep(one.program, batch, { rate: 0.1 });
            },
            { observe: true },
          );
          expect(outputs[`rank${r}.out.encoder_k`]?.data).toEqual(alone['out.encoder_k']?.data);
        }
      },
      { observe: true },
    );
  });

  it('moves the key encoder before it encodes', async () => {
    const follow = { ...run, spec: { ...run.spec, momentum: 0 } };
    await withLearner(
      follow,
      async (learner) => {
        const state = await learner.save();
        const weight = 'encoder_k.0.conv1.weight';
        const { shape, dtype, data } = state.get(weight) ?? floats([], []);
        state.set(weight, {
          shape,
          dtype,
          data: Float32Array.from(Array.from(data, Number), (x) => -x),
        });
        await learner.restore(state);
        const { views, indices } = batchOf(learner, 0);
        const image = views[0] ?? new Uint8Array();
        const batch = { views: [image, image], indices, draws: { shuffle: indices } };
        const outputs = await runStep(learner.program, batch, { rate: 0.1 });
        expect(outputs['out.encoder_k']?.data).toEqual(outputs['out.encoder_q']?.data);
      },
      { observe: true },
    );
  });

  it('averages keys from the query weights before the step, and only parameters', async () => {
    await withLearner(run, async (learner) => {
      await advance(learner, 0, 1);
      const before = await learner.save();
      await advance(learner, 1, 2);
      const after = await learner.save();
      const value = (tensors: typeof after, name: string) =>
        tensors.get(name)?.data as Float32Array;
      for (const name of ['0.conv1.weight', '0.layer2.0.bn1.bias', '1.mlp.2.weight']) {
        const key = value(before, `encoder_k.${name}`);
        const query = value(before, `encoder_q.${name}`);
        const [keep, take] = [Math.fround(0.9), Math.fround(1 - 0.9)];
        const expected = key.map(
          (k, i) => Math.fround(k * keep) + Math.fround((query[i] ?? 0) * take),
        );
        expect(value(after, `encoder_k.${name}`)).toEqual(expected);
      }
      const mean = (network: string) => value(after, `${network}.0.bn1.running_mean`);
      expect(mean('encoder_k')).not.toEqual(mean('encoder_q'));
    });
  });
});

describe('what MoCo refuses', () => {
  const refuse = (change: object, shape: object) => () =>
    moco
      .bind({ ...run.spec, ...change })
      .check({ replicas: 1, batch: 4, dropLast: true, ...shape });

  it('a queue that is not a multiple of the keys of a step', () => {
    expect(refuse({ queue: 30 }, { replicas: 2 })).toThrow(UserError);
    expect(refuse({ queue: 30 }, { replicas: 2 })).toThrow(
      'method.queue: 30 is not a multiple of the 8 keys of a step (replicas 2 x batch 4); the nearest is 32',
    );
    expect(refuse({ queue: 2 }, {})).toThrow(/the nearest is 4/);
  });

  it('short last batches', () => {
    expect(refuse({}, { dropLast: false })).toThrow(/data\.dropLast: false; moco expects true/);
  });

  it('fields it does not know', () => {
    const value = { ...small, method: { ...small.method, temprature: 0.1 } };
    expect(() => parseExperiment(value, methods)).toThrow(/method.*temprature.*temperature/s);
  });
});

describeMethod('moco', run);
