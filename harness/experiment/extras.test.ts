import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { gather } from '../cluster/replicas.ts';
import { startEngine } from '../engine/index.ts';
import { uniform } from '../engine/ops/activation.ts';
import { globalAvgPool } from '../engine/ops/pooling.ts';
import { tf } from '../engine/tf.ts';
import { follow } from '../nn/follow.ts';
import { advance, type SmallRun, scalarOf, withLearner } from '../testing/method_suite.ts';
import { defineMethod, replaceAt } from './method.ts';

/** A method that does nothing useful and uses everything that a step offers. */
const everything = defineMethod<Readonly<Record<string, never>>>({
  kind: 'everything',
  schema: z.strictObject({}).readonly(),
  views: 1,
  labels: true,
  chance: true,
  scalars: (_, { step }) => ({ keep: step === 0 ? 0.25 : 0.5, take: step === 0 ? 0.75 : 0.5 }),
  model: (_, backbone, { samples }) => ({
    networks: { online: backbone.module },
    followers: { target: 'online' },
    backbone: 'online.',
    state: {
      bank: {
        dtype: 'int32',
        shape: [samples],
        initial: () => ({ dtype: 'int32', shape: [samples], data: new Int32Array(samples) }),
      },
    },
  }),
  *loss(_, step) {
    const features = globalAvgPool(step.forward('online', step.view(0)));
    const noise = step.chance('noise', (key) => uniform([4], key));
    const again = step.chance('noise', (key) => uniform([4], key));
    const shares = { keep: step.scalar('keep'), take: step.scalar('take') };
    const labels = yield* gather(tf.add(step.labels, tf.scalar(1, 'int32')));
    const indices = yield* gather(step.indices);
    return {
      loss: tf.mean(tf.square(features)),
      afterUpdate: (parameters) => ({
        target: follow(step.parameters('target'), parameters('online'), shares),
      }),
      state: { bank: replaceAt(indices, labels) },
      metrics: { noise: tf.sum(noise), again: tf.sum(again), keep: shares.keep },
    };
  },
});

const run: SmallRun = { method: everything, spec: {}, samples: 9 };

beforeAll(startEngine);

describe('what a step offers besides views', () => {
  it.each([1, 2])('with %i replicas', async (replicas) => {
    await withLearner({ ...run, replicas }, async (learner) => {
      const before = await learner.save();
      const [first, second] = await advance(learner, 0, 1).then(async ([one]) => {
        const middle = await learner.save();
        const moved = middle.get('online.conv1.weight');
        const followed = middle.get('target.conv1.weight');
        const from = before.get('target.conv1.weight');
        const expected = Float32Array.from([...(moved?.data ?? [])].map(Number), (x, i) =>
          Math.fround(Math.fround(Number(from?.data[i]) * 0.25) + Math.fround(x * 0.75)),
        );
        expect(followed?.data).toEqual(expected);
        expect(moved?.data).not.toEqual(before.get('online.conv1.weight')?.data);
        return [one, (await advance(learner, 1, 2))[0]] as const;
      });
      if (first === undefined || second === undefined) throw new Error('no outputs');
      expect([scalarOf(first, 'keep'), scalarOf(second, 'keep')]).toEqual([0.25, 0.5]);
      const draws = [first, second].flatMap((one) => [
        scalarOf(one, 'noise'),
        scalarOf(one, 'again'),
      ]);
      expect(new Set(draws).size).toBe(4); // another step or call: another key
      const images = 4 * replicas;
      const labels = Array.from({ length: 9 }, (_, i) => (i < images ? 1 + (i % 2) : 0));
      expect([...((await learner.save()).get('bank')?.data ?? [])]).toEqual(labels);
    });
  });

  it('takes the part of a replica of any number of rows an image', async () => {
    const parts = defineMethod<Readonly<Record<string, never>>>({
      kind: 'parts',
      schema: z.strictObject({}).readonly(),
      views: 1,
      model: (_, backbone) => ({ networks: { net: backbone.module }, backbone: 'net.' }),
      *loss(_, step) {
        const loss = tf.mean(step.forward('net', step.view(0)));
        const all = yield* gather(tf.reshape(tf.stack([step.indices, step.indices], 1), [8]));
        const [count = 0] = all.shape;
        const numbered = tf.range(0, count, 1, 'int32');
        expect(() => step.mine(tf.concat([all, tf.tensor1d([0], 'int32')]))).toThrow(
          `step: [${count + 1}] has no rows for each of ${count / 8} x 4 images`,
        );
        return { loss, observed: { twice: step.mine(all), places: step.mine(numbered) } };
      },
    });
    for (const replicas of [1, 2]) {
      const options = { observe: true };
      const outputs = await withLearner(
        { method: parts, spec: {}, replicas },
        async (learner) => (await advance(learner, 0, 1))[0] ?? {},
        options,
      );
      for (let r = 0; r < replicas; r++) {
        const rank = replicas > 1 ? `rank${r}.` : '';
        const own = Array.from({ length: 8 }, (_, i) => 8 * r + i);
        expect([...(outputs[`${rank}out.places`]?.data ?? [])]).toEqual(own);
        const images = own.map((i) => Math.floor(i / 2));
        expect([...(outputs[`${rank}out.twice`]?.data ?? [])]).toEqual(images);
        expect(outputs[`${rank}in.net`]?.shape).toEqual([4, 16, 16, 3]);
      }
    }
  });

  it('draws the same for the same step', async () => {
    const noise = () =>
      withLearner(run, async (learner) =>
        scalarOf((await advance(learner, 0, 1))[0] ?? {}, 'noise'),
      );
    expect(await noise()).toBe(await noise());
  });
});
