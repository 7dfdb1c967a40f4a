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

  it('names an unknown option', () => {
    expect(() => build({ depth: 20 })).toThrow();
    expect(() => build({ depth: 18, widht: 2 })).toThrow(/widht/);
  });
});
