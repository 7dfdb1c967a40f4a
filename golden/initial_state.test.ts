import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { bytesOf, type HostArray } from '../harness/engine/array.ts';
import { startEngine } from '../harness/engine/index.ts';
import { toOIHW } from '../harness/engine/layout.ts';
import { initialValue } from '../harness/nn/initialise.ts';
import { resnet, resnetSpec } from '../harness/nn/resnet.ts';
import { resolveRules } from '../harness/optim/rules.ts';
import { OptimizerSpec } from '../harness/optim/spec.ts';
import { stream } from '../harness/random/stream.ts';
import { trainableNames } from '../harness/step/definition.ts';
import { Learner } from '../harness/step/learner.ts';
import { exactCompat } from '../harness/testing/exact_compat.ts';
import { moco } from '../methods/moco.ts';

/** SHA-256 over name, type, shape and little-endian bytes of each tensor, in order. */
function hashOf(tensors: Iterable<readonly [string, HostArray]>): string {
  const hash = createHash('sha256');
  for (const [name, { dtype, shape, data }] of tensors)
    hash.update(`${name} ${dtype} [${shape}]\n`).update(bytesOf(data));
  return hash.digest('hex');
}

/** Every parameter and buffer of a backbone as a run with this seed starts, in the layout of files. */
function* backbone(options: object, seed: number): Generator<readonly [string, HostArray]> {
  const { parameters, buffers } = resnet(resnetSpec.parse(options)).module;
  for (const [name, spec] of [...parameters, ...buffers]) {
    const value = initialValue(spec, stream(seed, 'init', `encoder_q.0.${name}`));
    yield [name, value.shape.length === 4 ? toOIHW(value) : value];
  }
}

// No library, thread or instruction set has a part in these: they hold on every machine and Node version.
describe('a seed decides the bits of the initial state', () => {
  test.each([
    [{ depth: 18 }, 0, '1dc185f8096191af1a95c687fca12f9c735ad1f54f665225ec3472354d2a4832'],
    [{ depth: 18 }, 1, '4efb3d7eafe0bfc84ceb25a64621d81ebf9f14a2f32f3ec427abe5f961a0a727'],
    [
      { depth: 18, stem: 'cifar', width: 0.25 },
      0,
      '8b67f8a160b00ba453e81b7b6f3b6067919c93b474600ccd1ed4a1fa11626a00',
    ],
    [{ depth: 50 }, 0, '0552468c96ef8c244a571d0a622954bed5b6197c5f5a3bf599c3c4c71048cd97'],
  ])('ResNet %o, seed %i', (options, seed, expected) => {
    expect(hashOf(backbone(options, seed))).toBe(expected);
  });
});

describe('of a whole run', () => {
  beforeAll(startEngine);

  test('MoCo v2 with ResNet-18: both encoders, statistics, queue and momentum', async () => {
    const network = resnet(resnetSpec.parse({ depth: 18, stem: 'cifar', width: 0.25 }));
    const method = moco.bind({
      kind: 'moco',
      queue: 1024,
      neck: { kind: 'mlp', hidden: 64, out: 32 },
    });
    const model = method.model(network);
    const optimizer = OptimizerSpec.parse({ kind: 'sgd', lr: 0.1, momentum: 0.9 });
    const learner = new Learner({
      method,
      model,
      optimizer,
      replicas: 2,
      batch: 8,
      size: 32,
      channels: 3,
      accumulate: 1,
      precision: 'fp32',
      compat: exactCompat,
      rules: resolveRules(optimizer, trainableNames(model)),
      normalise: { mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] },
    });
    await learner.initialise(0);
    const state = await learner.save();
    learner.dispose();
    const first = state.get('encoder_q.0.conv1.weight');
    const alone = new Map(backbone({ depth: 18, stem: 'cifar', width: 0.25 }, 0));
    expect(first).toEqual(alone.get('conv1.weight'));
    expect(state.get('encoder_k.0.conv1.weight')).toEqual(first);
    expect(hashOf(state)).toBe('57d209f80b400042d9fad391cce4d583719e7bf61faa36eaab93fa9a1a22f22c');
  });
});
