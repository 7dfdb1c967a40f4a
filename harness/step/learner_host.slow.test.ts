import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { endAll, joinAll, places } from '../cluster/group.fixture.ts';
import { ImageError } from '../data/loader/image_error.ts';
import { openSource } from '../data/open_source.ts';
import type { Source } from '../data/source.ts';
import { sourceSpec } from '../data/spec.ts';
import { bytesOf, type HostArray } from '../engine/array.ts';
import { startEngine } from '../engine/index.ts';
import { globalAvgPool } from '../engine/ops/pooling.ts';
import { tf } from '../engine/tf.ts';
import { bindMethod } from '../experiment/bind.ts';
import { dataShape } from '../experiment/index.ts';
import { defineMethod } from '../experiment/method.ts';
import { parseExperiment } from '../experiment/spec.ts';
import { averagePixels } from '../nn/layers.ts';
import { stepDefinition } from './definition.ts';
import { extractFeatures } from './features.ts';
import { Learner } from './learner.ts';
import { type HostSetup, LearnerHost } from './learner_host.ts';
import { Stopped } from './stopped.ts';

const looking = defineMethod<Readonly<Record<string, never>>>({
  kind: 'looking',
  schema: z.strictObject({}).readonly(),
  views: 1,
  model: (_, backbone) => ({
    networks: { net: backbone.module, pool: averagePixels },
    backbone: 'net.',
    features: { networks: ['net', 'pool'], batch: 5 },
  }),
  loss: (_, step) => ({
    loss: tf.mean(tf.square(globalAvgPool(step.forward('net', step.view(0))))),
  }),
});
const methods = { looking };

/** An experiment on so many images, with a source that writes down what is read and cannot read one of them. */
async function setupOf(count: number, bad = -1) {
  const experiment = parseExperiment(
    {
      name: 'looking',
      method: { kind: 'looking' },
      backbone: { depth: 18, width: 1 / 16, stem: 'cifar' },
      data: {
        train: { kind: 'generated', count, size: 16 },
        pipelines: [[{ kind: 'flip' }]],
        size: 16,
      },
      batch: 2,
      epochs: 1,
      optimizer: { kind: 'sgd', lr: 0.1 },
      schedule: { kind: 'constant' },
    },
    methods,
  );
  const opened = await openSource(sourceSpec.parse(experiment.data.train), { data: '' });
  const watched = () => {
    const reads: number[] = [];
    const read: Source['read'] = (index) => {
      reads.push(index);
      if (index === bad) throw new ImageError(`image ${index}: truncated`);
      return opened.read(index);
    };
    return { reads, images: { ...opened, read, describe: (index: number) => `image ${index}` } };
  };
  const definition = stepDefinition(experiment, bindMethod(experiment, methods), dataShape(opened));
  const learnerOf = async () => {
    const learner = new Learner(definition);
    await learner.initialise(3);
    return learner;
  };
  return { experiment, watched, learnerOf };
}

/** Features as each of some processes has them, or what it was told, and which images it has read. */
async function parties(
  setup: Awaited<ReturnType<typeof setupOf>>,
  processes: number,
  more: (rank: number, learner: Learner) => Partial<HostSetup> = () => ({}),
  before: (host: LearnerHost) => Promise<unknown> = async () => {},
) {
  const groups = await joinAll(await places(processes));
  const found = groups.map(async (group) => {
    const { images, reads } = setup.watched();
    const learner = await setup.learnerOf();
    const { experiment } = setup;
    const given = more(group.rank, learner);
    const host = new LearnerHost({
      ...{ experiment, learner, images, data: '', workers: 0, group },
      ...given,
    });
    await before(host);
    const features = await host.features().catch((error: unknown) => error);
    learner.dispose();
    return { features, reads };
  });
  const all = await Promise.all(found);
  await endAll(groups);
  return all;
}

beforeAll(startEngine);

describe('features of all images', () => {
  it.each([
    [23, [2, 4]], // 5 batches, the last of 3 images
    [8, [4]], // fewer batches than processes
  ])('of %i images have the bits of one process', async (count, counts) => {
    const setup = await setupOf(count);
    const [alone] = await parties(setup, 1);
    expect(alone?.reads).toEqual(Array.from({ length: count }, (_, i) => i));
    const expected = alone?.features as { values: Float32Array; width: number };
    expect(expected.values).toHaveLength(count * 32);
    for (const processes of counts)
      for (const [rank, { features, reads }] of (await parties(setup, processes)).entries()) {
        const { values, width } = features as typeof expected;
        expect(width).toBe(expected.width);
        expect(Buffer.compare(bytesOf(values), bytesOf(expected.values))).toBe(0);
        const own = alone?.reads.filter((index) => Math.floor(index / 5) % processes === rank);
        expect(reads).toEqual(own);
      }
  });

  it('may come from networks of another program', async () => {
    const setup = await setupOf(12);
    const changed = async (host: LearnerHost) => {
      const [{ shape = [], data = new Float32Array() } = {} as HostArray] = await host.read([
        'net.conv1.weight',
      ]);
      const halved = Float32Array.from(data as Float32Array, (x) => x / 2);
      await host.write([['net.conv1.weight', { dtype: 'float32', shape, data: halved }]]);
    };
    const [own] = await parties(setup, 1, undefined, changed);
    const others: Learner[] = [];
    const networks = (_: number, learner: Learner): Partial<HostSetup> => {
      const other = setup.learnerOf().then((made) => {
        others.push(made);
        return made;
      });
      return {
        networks: {
          update: async () => (await other).restore(await learner.save()),
          extract: async (images, count) => extractFeatures((await other).program, images, count),
        },
      };
    };
    for (const { features } of await parties(setup, 2, networks, changed))
      expect(features).toEqual(own?.features);
    expect(await parties(setup, 1)).not.toEqual([own]); // without the change
    for (const other of others) other.dispose();
  });
});

describe('all processes leave a pass together', () => {
  it('where rank 0 is told to stop', async () => {
    const signal = AbortSignal.abort();
    const all = await parties(await setupOf(12), 3, (rank) => (rank === 0 ? { signal } : {}));
    for (const { features } of all) expect(features).toEqual(new Stopped('stopped'));
  });

  it('where one of them cannot read an image, which all can name', async () => {
    const all = await parties(await setupOf(30, 17), 2); // of the batches of rank 1
    const cause = new ImageError('image 17: truncated');
    for (const { features } of all) {
      expect(features).toEqual(new Stopped(cause.message));
      expect((features as Error).cause).toEqual(cause);
    }
    const touch = (host: LearnerHost) => host.write([]);
    for (const { features } of await parties(await setupOf(30, 17), 2, undefined, touch))
      expect(features).toEqual(cause); // nothing to go on from
  });
});
