import { z } from 'zod';
import { UserError } from '../../base/errors.ts';
import { type NeckSpec, neckSpec } from '../../nn/necks.ts';

const channels = z.int().positive();
const pool = { with_avg_pool: z.boolean().default(true) };
const whole = { in_channels: channels, hid_channels: channels, out_channels: channels, ...pool };
const ends = { in_channels: channels, out_channels: channels, ...pool };
const sync_bn = z.boolean().default(false);

const Config = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('LinearNeck'), ...ends }),
  z.strictObject({ type: z.literal('RelativeLocNeck'), sync_bn, ...ends }),
  z.strictObject({ type: z.literal('NonLinearNeckV0'), sync_bn, ...whole }),
  z.strictObject({ type: z.literal('NonLinearNeckV1'), ...whole }),
  z.strictObject({ type: z.literal('NonLinearNeckV2'), ...whole }),
  z.strictObject({
    type: z.literal('NonLinearNeckSimCLR'),
    num_layers: z.int().positive().default(2),
    sync_bn: z.boolean().default(true),
    with_bias: z.boolean().default(false),
    with_last_bn: z.boolean().default(true),
    ...whole,
  }),
]);
type Config = z.output<typeof Config>;

/** The reference's neck config: on a backbone, whose map it averages over pixels or takes whole. */
export const neckConfig = Config.transform(
  (config): NeckSpec =>
    neckSpec.parse({
      ...fields(config),
      unpooled: config.with_avg_pool ? undefined : inputsOf(config),
    }),
);

/** The reference's predictor config: a neck on a neck, whose rows have no pixels to average over. */
export const predictorConfig = Config.transform((config): NeckSpec => {
  if (config.with_avg_pool)
    throw new UserError(
      'predictor.with_avg_pool: true, but a predictor stands on rows; expected false',
    );
  return neckSpec.parse(fields(config));
});

/** The reference's AvgPoolNeck config: it has no parameters. */
export const averageNeckConfig = z
  .strictObject({ type: z.literal('AvgPoolNeck') })
  .transform((): null => null);

/** Values of a sample: that of Relative Location takes two maps. */
function inputsOf({ type, in_channels }: Config): number {
  return type === 'RelativeLocNeck' ? 2 * in_channels : in_channels;
}

function fields(config: Config): z.input<typeof neckSpec> {
  const out = config.out_channels;
  switch (config.type) {
    case 'LinearNeck':
      return { kind: 'linear', out };
    case 'NonLinearNeckV1':
      return { kind: 'mlp', hidden: config.hid_channels, out };
    case 'NonLinearNeckV2':
      return { kind: 'mlp', hidden: config.hid_channels, out, norm: 'batch' };
    case 'NonLinearNeckV0':
      return {
        ...{ kind: 'layers', hidden: [config.hid_channels], out, bias: true, dropout: 0.5 },
        ...{ normMomentum: 0.001, affine: false, lastNorm: false, lastRelu: true },
        norm: config.sync_bn ? 'sync' : 'batch',
      };
    case 'RelativeLocNeck':
      return {
        ...{ kind: 'layers', hidden: [], out, bias: true, dropout: 0.5 },
        ...{ normMomentum: 0.003, lastRelu: true },
        norm: config.sync_bn ? 'sync' : 'batch',
      };
    case 'NonLinearNeckSimCLR':
      return simclr(config);
  }
}

/** Of one layer alone the reference takes the hidden width, and keeps its norm whatever is asked. */
function simclr(
  config: Extract<Config, { type: 'NonLinearNeckSimCLR' }>,
): z.input<typeof neckSpec> {
  const { num_layers: count, hid_channels: width, with_bias: bias, with_last_bn } = config;
  const single = count === 1;
  return {
    ...{ kind: 'layers', bias, norm: config.sync_bn ? 'sync' : 'batch' },
    hidden: Array.from({ length: count - 1 }, () => width),
    out: single ? width : config.out_channels,
    lastNorm: single || with_last_bn,
    ...(single ? { numbered: true } : {}),
  };
}
