import { z } from 'zod';
import { UserError } from '../../base/errors.ts';
import { type NeckSpec, neckSpec } from '../../nn/necks.ts';
import { resnetSpec } from '../../nn/resnet.ts';

const norm = z.strictObject({ type: z.enum(['BN', 'SyncBN']) });
const channels = z.int().positive();

/** The reference's backbone config. */
export const backboneConfig = z
  .strictObject({
    type: z.literal('NarrowResNet'),
    base_width: z.int().positive(),
    depth: z.int(),
    in_channels: z.int().positive(),
    out_indices: z.tuple([z.literal(4)]),
    norm_cfg: norm,
    frozen_stages: z.int().default(-1),
    norm_eval: z.boolean().default(false),
    zero_init_residual: z.boolean().default(false),
  })
  .transform(({ base_width, depth, in_channels, norm_cfg, ...config }) =>
    resnetSpec.parse({
      depth,
      width: base_width / 64,
      channels: in_channels,
      norm: norm_cfg.type === 'SyncBN' ? 'sync' : 'batch',
      frozenStages: config.frozen_stages,
      normEval: config.norm_eval,
      zeroInitResidual: config.zero_init_residual,
    }),
  );

const whole = { in_channels: channels, hid_channels: channels, out_channels: channels };

/** A neck on a backbone averages over pixels first; a predictor on a neck has rows already. */
const pooling = { neck: z.literal(true).default(true), predictor: z.literal(false) };
type Place = keyof typeof pooling;

const simclrNeck = (place: Place) =>
  z.strictObject({
    type: z.literal('NonLinearNeckSimCLR'),
    ...whole,
    with_avg_pool: pooling[place],
    num_layers: z.int().min(2).default(2),
    sync_bn: z.boolean().default(true),
    with_bias: z.boolean().default(false),
    with_last_bn: z.boolean().default(true),
  });
const normedNeck = (place: Place) =>
  z.strictObject({
    type: z.literal('NonLinearNeckV2'),
    ...whole,
    with_avg_pool: pooling[place],
  });
type Normed = z.output<ReturnType<typeof simclrNeck>> | z.output<ReturnType<typeof normedNeck>>;

function normedSpec(config: Normed): NeckSpec {
  const { hid_channels: width, out_channels: out } = config;
  if (config.type === 'NonLinearNeckV2') return { kind: 'mlp', hidden: width, out, norm: 'batch' };
  const { num_layers: count, with_bias: bias, with_last_bn: lastNorm } = config;
  const hidden = Array.from({ length: count - 1 }, () => width);
  const norm = config.sync_bn ? 'sync' : 'batch';
  return neckSpec.parse({ kind: 'layers', hidden, out, bias, lastNorm, norm });
}

/** The reference's predictor config. */
export const predictorConfig = z
  .discriminatedUnion('type', [simclrNeck('predictor'), normedNeck('predictor')])
  .transform(normedSpec);

/** The reference's neck config. */
export const neckConfig = z
  .discriminatedUnion('type', [
    simclrNeck('neck'),
    normedNeck('neck'),
    z.strictObject({
      type: z.literal('LinearNeck'),
      in_channels: channels,
      out_channels: channels,
      with_avg_pool: z.literal(true).default(true),
    }),
    z.strictObject({
      type: z.literal('NonLinearNeckV0'),
      in_channels: channels,
      hid_channels: channels,
      out_channels: channels,
      sync_bn: z.boolean().default(false),
      with_avg_pool: z.literal(true).default(true),
    }),
    z.strictObject({
      type: z.literal('NonLinearNeckV1'),
      in_channels: channels,
      hid_channels: channels,
      out_channels: channels,
      with_avg_pool: z.literal(true).default(true),
    }),
    z.strictObject({
      type: z.literal('RelativeLocNeck'),
      in_channels: channels,
      out_channels: channels,
      sync_bn: z.boolean().default(false),
      with_avg_pool: z.literal(true).default(true),
    }),
  ])
  .transform((config): NeckSpec => {
    const out = config.out_channels;
    switch (config.type) {
      case 'NonLinearNeckSimCLR':
      case 'NonLinearNeckV2':
        return normedSpec(config);
      case 'LinearNeck':
        return neckSpec.parse({ kind: 'linear', out });
      case 'NonLinearNeckV0':
        return neckSpec.parse({
          kind: 'layers',
          hidden: [config.hid_channels],
          out,
          bias: true,
          norm: config.sync_bn ? 'sync' : 'batch',
          normMomentum: 0.001,
          affine: false,
          lastNorm: false,
          lastRelu: true,
          dropout: 0.5,
        });
      case 'NonLinearNeckV1':
        return neckSpec.parse({ kind: 'mlp', hidden: config.hid_channels, out });
      case 'RelativeLocNeck':
        return neckSpec.parse({
          kind: 'layers',
          hidden: [],
          out,
          bias: true,
          norm: config.sync_bn ? 'sync' : 'batch',
          normMomentum: 0.003,
          lastRelu: true,
          dropout: 0.5,
        });
    }
  });

/** The reference's AvgPoolNeck config: it has no parameters. */
export const averageNeckConfig = z
  .strictObject({ type: z.literal('AvgPoolNeck') })
  .transform((): null => null);

/** Holds depth and width of the hyper-parameters to the backbone that the case builds. */
export function agreeOnBackbone(
  parameters: { readonly depth?: number | undefined; readonly width?: number | undefined },
  backbone: { readonly depth: number; readonly width: number },
): void {
  agree('depth', parameters.depth, backbone.depth);
  agree('width', parameters.width, backbone.width * 64);
}

/** Holds widths, layers, biases and the last norm of the hyper-parameters to the neck of the case. */
export function agreeOnNeck(
  parameters: {
    readonly dim?: number | undefined;
    readonly hid?: number | undefined;
    readonly num_layers?: number | undefined;
    readonly with_bias?: boolean | undefined;
    readonly with_last_bn?: boolean | undefined;
  },
  neck: NeckSpec,
): void {
  agree('dim', parameters.dim, neck.out);
  agreeOnHidden(parameters.hid, neck);
  if (neck.kind !== 'layers') return;
  const { num_layers = neck.hidden.length + 1, with_bias = neck.bias } = parameters;
  agree('num_layers', num_layers, neck.hidden.length + 1);
  agree('with_bias', with_bias, neck.bias);
  agree('with_last_bn', parameters.with_last_bn ?? neck.lastNorm, neck.lastNorm);
}

/** Holds the width of hidden layers, where the hyper-parameters have it, to the neck of the case. */
export function agreeOnHidden(hid: number | undefined, neck: NeckSpec | null): void {
  const widths = neck === null || neck.kind === 'linear' ? [] : [neck.hidden].flat();
  if (hid !== undefined) for (const width of widths) agree('hid', hid, width);
}

/**
 * Holds a hyper-parameter, where the case has it, to what its model was built with.
 * @throws UserError by its name.
 */
export function agree(name: string, parameter: unknown, built: unknown): void {
  if (parameter !== undefined && parameter !== built)
    throw new UserError(`hyper_parameters.${name}: ${parameter}, but the model has ${built}`);
}
