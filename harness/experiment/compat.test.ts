import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { tf } from '../engine/tf.ts';
import { sequential } from '../nn/module.ts';
import { neck } from '../nn/necks.ts';
import { openers } from '../run/open_training.ts';
import { stepDefinition } from '../step/definition.ts';
import { exactCompat } from '../testing/exact_compat.ts';
import { bindMethod } from './bind.ts';
import { defineMethod } from './method.ts';
import { experimentId, parseExperiment } from './spec.ts';

const head = { kind: 'mlp', hidden: 4, out: 2, norm: 'batch' } as const;

/** A backbone with a neck, and an option of its own. */
const bare = defineMethod<Record<string, never>>({
  kind: 'bare',
  schema: z.strictObject({}),
  compat: { bareGradient: z.enum(['exact', 'scaled']).default('exact') },
  views: 1,
  model: (_, { module, channels }) => ({
    networks: { net: sequential([module, neck(head, channels)]) },
    backbone: 'net.0.',
  }),
  loss() {
    return { loss: tf.scalar(0) };
  },
});
const methods = { bare, other: { ...bare, kind: 'other', compat: undefined } };

const recipe = {
  name: 'bare',
  method: { kind: 'bare' },
  backbone: { depth: 50, width: 1 / 16 },
  data: { train: { kind: 'generated', count: 64 }, pipelines: [[{ kind: 'flip' }]], size: 32 },
  batch: 8,
  epochs: 2,
  optimizer: { kind: 'lars', lr: 0.1, weightDecay: 1e-6 },
  schedule: { kind: 'constant' },
};
const experiment = (changes: object = {}) => parseExperiment({ ...recipe, ...changes }, methods);

describe('options of compatibility', () => {
  it('are right by default, spelled out, and part of the id', () => {
    const plain = experiment();
    expect(plain.compat).toEqual({ ...exactCompat, bareGradient: 'exact' });
    expect(plain.compat).toMatchObject({ larsExclusion: 'exact', dataOrder: 'seeded' });
    const other = experiment({ compat: { bareGradient: 'scaled' } });
    expect(other.compat.bareGradient).toBe('scaled');
    expect(experimentId(other)).not.toBe(experimentId(plain));
    expect(experimentId(parseExperiment(plain, methods))).toBe(experimentId(plain));
  });

  it.each([
    [{ larsExclusion: 'name' }, /compat\.larsExclusion: .*found "name"/],
    [
      { larsExclusions: 'exact' },
      'compat.larsExclusions is not known; did you mean larsExclusion?',
    ],
    [{ bareGradient: 'none' }, /compat\.bareGradient: .*found "none"/],
  ])('refuse %j', (compat, message) => {
    expect(() => experiment({ compat })).toThrow(message);
  });

  it('of one method are unknown to another', () => {
    const changes = { method: { kind: 'other' }, compat: { bareGradient: 'exact' } };
    expect(() => experiment(changes)).toThrow('compat.bareGradient is not known');
  });
});

describe('what LARS leaves without layer-wise rate and weight decay', () => {
  const excluded = (changes: object) => {
    const one = experiment(changes);
    const { rules } = stepDefinition(one, bindMethod(one, methods));
    return [...rules].flatMap(([name, { larsExclude, weightDecay }]) => {
      expect(weightDecay).toBe(larsExclude ? 0 : 1e-6);
      return larsExclude ? [name] : [];
    });
  };
  const shortcuts = [1, 2, 3, 4].map((stage) => `net.0.layer${stage}.0.downsample.1.weight`);

  it('is every norm and bias by what it is, and as the original some slip through', () => {
    const right = excluded({});
    expect(right).toContain('net.0.layer3.2.bn3.weight');
    expect(right).toEqual(expect.arrayContaining([...shortcuts, 'net.1.mlp.1.weight']));
    expect(right).toContain('net.1.mlp.0.bias');
    // 53 norms of a ResNet-50 and one of the neck, each with scale and shift; two biases.
    expect(right).toHaveLength(2 * 54 + 2);
    const original = excluded({ compat: { larsExclusion: 'original' } });
    expect(right.filter((name) => !original.includes(name))).toEqual([
      ...shortcuts,
      'net.1.mlp.1.weight',
    ]);
    expect(original.every((name) => right.includes(name))).toBe(true);
  });

  it('can be set by rules besides, and is nothing for SGD', () => {
    const rules = [{ match: 'bn1', larsExclude: false, weightDecay: 1e-6 }];
    const optimizer = { ...recipe.optimizer, rules };
    expect(excluded({ optimizer }).some((name) => name.includes('bn1'))).toBe(false);
    const one = experiment({ optimizer: { kind: 'sgd', lr: 0.1, weightDecay: 1e-4 } });
    const { rules: all } = stepDefinition(one, bindMethod(one, methods));
    expect(new Set([...all.values()].map(({ weightDecay }) => weightDecay))).toEqual(
      new Set([1e-4]),
    );
  });
});

describe('the order of samples', () => {
  const order = async (seed: number, compat: object, epoch: number) => {
    const one = experiment({ seed, compat });
    const setup = { experiment: one, method: bindMethod(one, methods), data: '.', workers: 0 };
    const batches = await openers.openBatches(setup);
    const all: number[] = [];
    for await (const { indices } of batches.epoch(epoch)) all.push(...indices);
    await batches.dispose();
    return all;
  };

  it('follows the seed, and as the original does the epoch alone', async () => {
    const original = { dataOrder: 'original' };
    expect(await order(1, {}, 0)).not.toEqual(await order(2, {}, 0));
    expect(await order(1, original, 0)).toEqual(await order(2, original, 0));
    expect(await order(1, original, 1)).not.toEqual(await order(1, original, 0));
  });
});
