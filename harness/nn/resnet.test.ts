import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import { sizeOf } from '../engine/array.ts';
import type { Module } from './module.ts';
import { sequential } from './module.ts';
import { neck, neckSpec } from './necks.ts';
import { resnet, resnetSpec } from './resnet.ts';

function count(module: Module, trainableOnly = false): number {
  return [...module.parameters.values()]
    .filter((spec) => spec.trainable || !trainableOnly)
    .reduce((sum, spec) => sum + sizeOf(spec.shape), 0);
}

const build = (options: object) => resnet(resnetSpec.parse(options));

describe('resnet', () => {
  // docs/reference/methods.md, section 15. It does not list all depths: for the others
  // these are torchvision's counts less the 1000-way head.
  it.each([
    [{ depth: 18 }, 11_689_512 - 513_000],
    [{ depth: 34 }, 21_797_672 - 513_000],
    [{ depth: 50 }, 23_508_032],
    [{ depth: 50, channels: 2 }, 23_504_896],
    [{ depth: 101 }, 44_549_160 - 2_049_000],
    [{ depth: 152 }, 60_192_808 - 2_049_000],
  ])('%o has %i parameters', (options, expected) => {
    expect(count(build(options).module)).toBe(expected);
  });

  it.each([
    [{ kind: 'linear' }, 23_770_304],
    [{ kind: 'mlp' }, 27_966_656],
  ])('with neck %o: the counts of MoCo v1 and v2', (spec, expected) => {
    const { module, channels } = build({ depth: 50 });
    const encoder = sequential([module, neck(neckSpec.parse(spec), channels)]);
    expect(count(encoder)).toBe(expected);
    expect(2 * count(encoder)).toBe(expected === 23_770_304 ? 47_540_608 : 55_933_312);
  });

  it("uses the original's names", () => {
    const { module, channels } = build({ depth: 50 });
    const encoder = sequential([module, neck(neckSpec.parse({ kind: 'mlp' }), channels)]);
    const names = new Set([...encoder.parameters.keys(), ...encoder.buffers.keys()]);
    for (const name of [
      '0.conv1.weight',
      '0.bn1.running_mean',
      '0.layer1.0.downsample.0.weight',
      '0.layer1.0.downsample.1.num_batches_tracked',
      '0.layer4.2.bn3.bias',
      '1.mlp.0.weight',
      '1.mlp.2.bias',
    ])
      expect(names).toContain(name);
    expect(names.size).toBe(161 + 53 * 3 + 2 * 2 - 2);
  });

  it('has a 32x32 stem and a width', () => {
    const { module, channels } = build({ depth: 18, stem: 'cifar', width: 0.25 });
    expect(module.parameters.get('conv1.weight')?.shape).toEqual([3, 3, 3, 16]);
    expect(channels).toBe(128);
    expect(() => build({ depth: 18, width: 0.3 })).toThrow(UserError);
  });

  it('starts convolutions from N(0, 2 / fan_in) and, where asked, residual branches from zero', () => {
    const plain = build({ depth: 18 }).module.parameters;
    expect(plain.get('layer1.0.conv1.weight')?.initial).toEqual({
      kind: 'normal',
      std: Math.sqrt(2 / (64 * 9)),
    });
    const zero = build({ depth: 50, zeroInitResidual: true }).module.parameters;
    expect(zero.get('layer2.1.bn3.weight')?.initial).toEqual({ kind: 'constant', value: 0 });
    expect(zero.get('layer2.1.bn2.weight')?.initial).toEqual({ kind: 'constant', value: 1 });
  });

  it('freezes the stem and the first stages', () => {
    const { module } = build({ depth: 18, frozenStages: 1 });
    const trainable = (name: string) => module.parameters.get(name)?.trainable;
    expect(['conv1.weight', 'bn1.bias', 'layer1.1.bn2.weight'].map(trainable)).toEqual([
      false,
      false,
      false,
    ]);
    expect(trainable('layer2.0.conv1.weight')).toBe(true);
    expect(count(module) - count(module, true)).toBe(9408 + 128 + 4 * (36864 + 128));
  });

  it.each<[object, string, readonly number[] | undefined]>([
    [{ depth: 50, strideIn: '1x1' }, 'layer2.0.conv1.weight', [1, 1, 256, 128]],
    [{ depth: 50, groups: 32, groupWidth: 4 }, 'layer1.0.conv2.weight', [3, 3, 4, 128]],
    [{ depth: 50, groups: 32, groupWidth: 4 }, 'layer4.2.conv3.weight', [1, 1, 1024, 2048]],
    [{ depth: 18, norm: 'group', normGroups: 8 }, 'layer3.1.gn2.bias', [256]],
    [{ depth: 18, norm: 'group', normGroups: 8 }, 'layer3.0.downsample.1.weight', [256]],
    [{ depth: 18, norm: 'group', normGroups: 8 }, 'layer3.1.bn2.bias', undefined],
    [{ depth: 18, normAffine: false }, 'bn1.weight', undefined],
    [{ depth: 18, stages: 2 }, 'layer3.0.conv1.weight', undefined],
    [{ depth: 18, strides: [2, 1, 1, 1] }, 'layer1.0.downsample.0.weight', [1, 1, 64, 64]],
  ])('%o: %s has the shape %o', (options, name, shape) => {
    expect(build(options).module.parameters.get(name)?.shape).toEqual(shape);
  });

  // The usual counts, less the 1000-way head.
  it.each([
    [50, 25_028_904 - 2_049_000],
    [101, 44_177_704 - 2_049_000],
  ])('is a ResNeXt-%i 32x4d of so many parameters', (depth, expected) => {
    const { module } = build({ depth, groups: 32, groupWidth: 4 });
    expect(count(module)).toBe(expected);
  });

  it('is a wide ResNet-50 of factor 2 of so many parameters', () => {
    const { module } = build({ depth: 50, groups: 1, groupWidth: 128 });
    expect(count(module)).toBe(68_883_240 - 2_049_000);
  });

  it.each([
    [0, 64],
    [1, 256],
    [3, 1024],
    [4, 2048],
  ])('may give level %i, of %i channels; what is behind it learns nothing', (level, expected) => {
    const { module, channels } = build({ depth: 50, level });
    expect(channels).toBe(expected);
    for (const [name, { trainable }] of module.parameters) {
      const own = Number(/^layer(\d)/.exec(name)?.[1] ?? 0);
      expect(trainable, name).toBe(own <= level);
    }
  });

  it('may leave scale and shift of its norms as they are', () => {
    const { module } = build({ depth: 18, normLearns: false });
    const still = [...module.parameters].filter(([, { trainable }]) => !trainable);
    expect(still.length).toBe(2 * 20);
    expect(still.every(([, { role }]) => role === 'norm')).toBe(true);
  });

  it.each([
    [{ depth: 18, strides: [1, 2] }, /expected one for each of 4 stages, found 2/],
    [{ depth: 18, stages: 2, dilations: [1] }, /expected one for each of 2 stages, found 1/],
    [{ depth: 18, stages: 2, level: 3 }, /expected at most 2, as there are 2 stages/],
    [{ depth: 18, stages: 2, frozenStages: 3 }, /expected at most 2/],
    [{ depth: 18, norm: 'group' }, /expected with norm group/],
    [{ depth: 18, normGroups: 2 }, /expected with norm group/],
    [{ depth: 50, groupWidth: 4 }, /expected groups beside it/],
    [{ depth: 18, groups: 2 }, /expected depth 50 or more/],
    [{ depth: 18, norm: 'group', normGroups: 3 }, /3 groups do not divide 64 channels/],
    [{ depth: 50, width: 1 / 16, groups: 8 }, /groupWidth: 4 leaves a group no channel/],
  ])('%o is refused', (options, message) => {
    expect(() => build(options)).toThrow(message);
  });

  it('says nothing of options that are not given', () => {
    expect(Object.keys(resnetSpec.parse({ depth: 18 })).sort()).toEqual([
      ...['channels', 'depth', 'frozenStages', 'kind', 'norm', 'normEval', 'stem', 'width'],
      'zeroInitResidual',
    ]);
  });

  it('names an unknown option', () => {
    expect(() => build({ depth: 20 })).toThrow();
    expect(() => build({ depth: 18, widht: 2 })).toThrow(/widht/);
  });
});
