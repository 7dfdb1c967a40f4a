import { describe, expect, it } from 'vitest';
import { backboneConfig } from './backbone_config.ts';
import { neckConfig, predictorConfig } from './neck_config.ts';

const narrow = { type: 'NarrowResNet', base_width: 4, depth: 50 };

describe('a backbone of the reference', () => {
  it('has its defaults, and of several levels the lowest', () => {
    expect(backboneConfig.parse(narrow)).toMatchObject({
      ...{ depth: 50, width: 1 / 16, channels: 3, norm: 'batch', stages: 4, level: 0 },
      ...{ strides: [1, 2, 2, 2], dilations: [1, 1, 1, 1], strideIn: '3x3', frozenStages: -1 },
    });
  });

  it.each<[object, object]>([
    [{ out_indices: [4] }, { level: 4 }],
    [{ out_indices: [3, 2] }, { level: 2 }],
    [{ style: 'caffe' }, { strideIn: '1x1' }],
    [{ with_cp: true }, { statisticsTwice: true }],
    [
      { num_stages: 1, strides: [2], dilations: [3], out_indices: [1] },
      { stages: 1, level: 1 },
    ],
    [{ norm_cfg: { type: 'SyncBN', momentum: 0.2 } }, { norm: 'sync', normMomentum: 0.2 }],
    [{ norm_cfg: { type: 'GN', num_groups: 2, eps: 1e-3 } }, { normGroups: 2, normEpsilon: 1e-3 }],
    [{ norm_cfg: { type: 'BN', requires_grad: false } }, { normLearns: false }],
    [{ norm_cfg: { type: 'BN', affine: false } }, { normAffine: false }],
    [
      { type: 'NarrowResNeXt', groups: 8, group_width: 16 },
      { groups: 8, groupWidth: 16 },
    ],
  ])('takes %o', (options, expected) => {
    expect(backboneConfig.parse({ ...narrow, ...options })).toMatchObject(expected);
  });

  it('may have its full width', () => {
    const resnext = { type: 'ResNeXt', depth: 101, groups: 32, base_width: 4 };
    expect(backboneConfig.parse({ type: 'ResNet', depth: 34 })).toMatchObject({ width: 1 });
    expect(backboneConfig.parse(resnext)).toMatchObject({ width: 1, groups: 32, groupWidth: 4 });
  });

  it.each<[object, RegExp]>([
    [{ norm_cfg: { type: 'IN' } }, /^unsupported: norm_cfg\.type IN, because the reference has/],
    [
      { norm_cfg: { type: 'BN', momentum: null } },
      /^unsupported: norm_cfg\.momentum null, because/,
    ],
    [
      { norm_cfg: { type: 'BN', track_running_stats: false } },
      /^unsupported: norm_cfg\.track_running_stats false, because/,
    ],
    [{ norm_cfg: { type: 'GN' } }, /num_groups goes with type GN/],
    [{ num_stages: 3, out_indices: [4] }, /out_indices: 4, but there are 3 stages/],
    [{ depth: 18, with_cp: true }, /with_cp: true, which basic blocks of the reference refuse/],
    [{ strides: [1, 2] }, /expected one for each of 4 stages, found 2/],
    [{ wide: true }, /wide/],
  ])('is refused with %o', (options, message) => {
    expect(() => backboneConfig.parse({ ...narrow, ...options })).toThrow(message);
  });
});

describe('a neck of the reference', () => {
  const ends = { in_channels: 32, out_channels: 5 };
  const whole = { ...ends, hid_channels: 6 };

  it.each<[object, object]>([
    [
      { type: 'LinearNeck', ...ends },
      { kind: 'linear', out: 5 },
    ],
    [{ type: 'LinearNeck', ...ends, with_avg_pool: false }, { unpooled: 32 }],
    [{ type: 'RelativeLocNeck', ...ends, with_avg_pool: false }, { unpooled: 64 }],
    [
      { type: 'RelativeLocNeck', ...ends, sync_bn: true },
      { norm: 'sync', normMomentum: 0.003 },
    ],
    [
      { type: 'NonLinearNeckV0', ...whole, sync_bn: true },
      { norm: 'sync', affine: false },
    ],
    [{ type: 'NonLinearNeckV0', ...whole, with_avg_pool: false }, { unpooled: 32 }],
    [
      { type: 'NonLinearNeckV1', ...whole, with_avg_pool: false },
      { unpooled: 32, norm: 'none' },
    ],
    [
      { type: 'NonLinearNeckV2', ...whole, with_avg_pool: false },
      { unpooled: 32, norm: 'batch' },
    ],
    [
      { type: 'NonLinearNeckSimCLR', ...whole },
      { hidden: [6], norm: 'sync', lastNorm: true },
    ],
    [
      { type: 'NonLinearNeckSimCLR', ...whole, num_layers: 4 },
      { hidden: [6, 6, 6], out: 5 },
    ],
    [
      { type: 'NonLinearNeckSimCLR', ...whole, num_layers: 1, with_last_bn: false },
      { hidden: [], out: 6, lastNorm: true, numbered: true },
    ],
  ])('%o', (config, expected) => {
    expect(neckConfig.parse(config)).toMatchObject(expected);
  });

  it('is a predictor without pooling', () => {
    const config = { type: 'NonLinearNeckV1', ...whole };
    expect(predictorConfig.parse({ ...config, with_avg_pool: false })).not.toHaveProperty(
      'unpooled',
    );
    expect(() => predictorConfig.parse(config)).toThrow('expected false');
  });
});
