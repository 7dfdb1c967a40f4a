import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Failure } from '../cluster/failure.ts';
import { endAll, joinAll, places } from '../cluster/group.fixture.ts';
import type { Group } from '../cluster/group.ts';
import { openSource } from '../data/open_source.ts';
import { type HostArray, hostArray } from '../engine/array.ts';
import { startEngine } from '../engine/index.ts';
import { toOIHW } from '../engine/layout.ts';
import { tf } from '../engine/tf.ts';
import { bindMethod } from '../experiment/bind.ts';
import { defineMethod } from '../experiment/method.ts';
import { parseExperiment } from '../experiment/spec.ts';
import { classifier } from '../nn/heads.ts';
import { initialValue } from '../nn/initialise.ts';
import { averagePixels } from '../nn/layers.ts';
import { resnet } from '../nn/resnet.ts';
import { stream } from '../random/stream.ts';
import { openEvaluator } from './evaluator.ts';
import type { JudgeSetup } from './judge.ts';
import type { PassGroup } from './passes.ts';

const CLASSES = 4;
const WIDTH = 64; // features of ResNet-18 at an eighth of its width

/** A network with a classifier on it, of which the first layers never learn where that is asked for. */
const judged = defineMethod<{ readonly frozen: boolean }>({
  kind: 'judged',
  schema: z.strictObject({ frozen: z.boolean() }),
  views: 1,
  model: ({ frozen }, backbone) => ({
    networks: {
      net: backbone.module,
      mean: averagePixels,
      tell: classifier({ inputs: WIDTH, classes: CLASSES, pool: !frozen }),
    },
    backbone: 'net.',
    classifier: frozen
      ? {
          networks: ['tell'],
          classes: CLASSES,
          frozen: { networks: ['net', 'mean'], width: WIDTH },
        }
      : { networks: ['net', 'tell'], classes: CLASSES },
  }),
  loss() {
    return { loss: tf.scalar(0) };
  },
});
const methods = { judged };
const generated = { kind: 'generated', size: 16, classes: CLASSES } as const;

function experimentWith(test: number, batch: number, frozen: boolean) {
  return parseExperiment(
    {
      name: 'judged',
      method: { kind: 'judged', frozen },
      backbone: { depth: 18, width: 1 / 8, stem: 'cifar' },
      data: { train: { ...generated, count: 8 }, pipelines: [[{ kind: 'flip' }]], size: 16 },
      batch: 4,
      epochs: 3,
      optimizer: { kind: 'sgd', lr: 0.1 },
      schedule: { kind: 'constant' },
      evaluation: {
        train: { ...generated, count: 45 },
        test: { ...generated, count: test, split: 'test' },
        batch,
        knn: { k: 5, everyEpochs: 2 },
        linear: { epochs: 2, batch: 16 },
        classify: { everyEpochs: 1 },
      },
    },
    methods,
  );
}
type Judged = ReturnType<typeof experimentWith>;

function weights(seed: number, experiment: Judged): Map<string, HostArray> {
  const model = bindMethod(experiment, methods).model(resnet(experiment.backbone));
  const found = new Map<string, HostArray>();
  for (const [network, { parameters, buffers }] of Object.entries(model.networks))
    for (const [name, spec] of [...parameters, ...buffers]) {
      const value = initialValue(spec, stream(seed, network, name));
      found.set(`${network}.${name}`, value.shape.length === 4 ? toOIHW(value) : value);
    }
  return found;
}

async function open(experiment: Judged, options: Partial<JudgeSetup> = {}) {
  const method = bindMethod(experiment, methods);
  const trained = await openSource(experiment.data.train, { data: '' });
  const setup = { experiment, method, data: '', workers: 0, trained };
  const evaluator = await openEvaluator({ ...setup, ...options });
  if (evaluator === undefined) throw new Error('no evaluator');
  return evaluator;
}

/** Epochs and end of a run whose weights stay as they are for two of them. */
const SEEDS = [1, 2, 2, 3] as const;
async function run(evaluator: Awaited<ReturnType<typeof open>>, experiment: Judged) {
  const metrics: object[] = [];
  for (const [epoch, seed] of SEEDS.entries())
    metrics.push(await evaluator.atEpoch(epoch, weights(seed, experiment)));
  metrics.push(await evaluator.atEnd(weights(3, experiment)));
  await evaluator.dispose();
  return metrics;
}

/** The same group; what it gathers is written down on rank 0. */
function heard(group: Group, calls: string[]): PassGroup {
  const { rank, processes } = group;
  return {
    rank,
    processes,
    broadcast: (name, value) => group.broadcast(name, value),
    gather: (name, bytes) => {
      if (rank === 0) calls.push(name);
      return group.gather(name, bytes);
    },
  };
}

beforeAll(startEngine);

// 45 and 20 images: 5 and 2 batches of 10; 2 and 1 of 30, fewer than parties.
it.each([
  [10, false, [2, 3, 4]],
  [30, true, [4]],
])(
  'an evaluation in batches of %i gives the bits of one process, its networks frozen: %s',
  async (batch, frozen, counts) => {
    const experiment = experimentWith(20, batch, frozen);
    const expected = await run(await open(experiment), experiment);
    expect(expected.map((metrics) => Object.keys(metrics).length)).toEqual([5, 2, 5, 5, 1]);
    for (const processes of counts) {
      const groups = await joinAll(await places(processes));
      const calls: string[] = [];
      const [first, ...others] = await Promise.all(
        groups.map((group) => open(experiment, { group: heard(group, calls) })),
      );
      if (first === undefined) throw new Error('no rank 0');
      const assisted = others.map(async (evaluator) => {
        const ends = [];
        for (const seed of [...SEEDS, 3])
          ends.push(await evaluator.assist(weights(seed, experiment)));
        await evaluator.dispose();
        return ends;
      });
      expect(await run(first, experiment)).toEqual(expected);
      for (const ends of await Promise.all(assisted))
        expect(ends).toEqual([true, true, true, true, true]);
      const rounds = (count: number) => Math.ceil(Math.ceil(count / batch) / processes);
      const passes = calls.filter((name) => name.startsWith('features'));
      // k-NN at 0, 2 and 3; the test images for the classifier at 0, 1, (2) and 3: again where nothing is kept.
      const tests = 3 + (frozen ? 3 : 4);
      const expectedRounds = 3 * rounds(45) + tests * rounds(20);
      expect(passes).toHaveLength(expectedRounds);
      await endAll(groups);
    }
  },
);

describe('where one of them cannot go on', () => {
  const experiment = experimentWith(20, 4, false);

  it('a stop of rank 0 ends the others as well, at once', async () => {
    const groups = await joinAll(await places(3));
    const stop = new AbortController();
    const [first, ...others] = await Promise.all(
      groups.map((group, rank) =>
        open(experiment, { group, ...(rank === 0 ? { signal: stop.signal } : {}) }),
      ),
    );
    const assisted = others.map((evaluator) => evaluator.assist(weights(1, experiment)));
    const leading = first?.atEpoch(0, weights(1, experiment));
    setImmediate(() => stop.abort(new Error('enough')));
    await expect(leading).rejects.toThrow('enough');
    expect(await Promise.all(assisted)).toEqual([false, false]);
    for (const evaluator of [first, ...others]) await evaluator?.dispose();
    await endAll(groups);
  });

  it('weights that differ are found before anything is computed with them', async () => {
    const failures: Failure[] = [];
    const onFailure = (failure: Failure) => void failures.push(failure);
    const groups = await joinAll(await places(2), { onFailure });
    const [first, second] = await Promise.all(groups.map((group) => open(experiment, { group })));
    const leading = first?.atEpoch(0, weights(1, experiment)).catch(String);
    await expect(second?.assist(weights(2, experiment))).rejects.toThrow(
      /the weights of process 1 are not those of process 0/,
    );
    await groups[1]?.fail('its weights differ');
    expect(await leading).toMatch('its weights differ');
    expect(failures).toHaveLength(1);
    for (const evaluator of [first, second]) await evaluator?.dispose();
  });

  it('features that are no numbers are named as by one process', async () => {
    const broken = weights(1, experiment);
    broken.set('net.bn1.weight', hostArray('float32', [8], new Float32Array(8).fill(Number.NaN)));
    const alone = await open(experiment);
    const message = await alone.atEpoch(0, broken).catch(String);
    expect(message).toMatch(/features of .* are not finite/);
    await alone.dispose();
    const groups = await joinAll(await places(2));
    const [first, second] = await Promise.all(groups.map((group) => open(experiment, { group })));
    const assisted = second?.assist(broken);
    expect(await first?.atEpoch(0, broken).catch(String)).toBe(message);
    expect(await assisted).toBe(false);
    for (const evaluator of [first, second]) await evaluator?.dispose();
    await endAll(groups);
  });

  it('only rank 0 judges', async () => {
    const groups = await joinAll(await places(2));
    const [first, second] = await Promise.all(groups.map((group) => open(experiment, { group })));
    await expect(second?.atEnd(weights(1, experiment))).rejects.toThrow('rank 0 judges');
    await expect(first?.assist(weights(1, experiment))).rejects.toThrow('nobody to assist');
    const alone = await open(experiment);
    await expect(alone.assist(weights(1, experiment))).rejects.toThrow('nobody to assist');
    for (const evaluator of [first, second, alone]) await evaluator?.dispose();
    await endAll(groups);
  });
});
