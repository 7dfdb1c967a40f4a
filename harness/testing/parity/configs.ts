import { z } from 'zod';
import { UserError } from '../../base/errors.ts';
import type { NeckSpec } from '../../nn/necks.ts';
import { OptimizerSpec } from '../../optim/spec.ts';
import type { Fixture } from './fixture.ts';

export { backboneConfig } from './backbone_config.ts';
export { averageNeckConfig, neckConfig, predictorConfig } from './neck_config.ts';

const channels = z.int().positive();

/** The reference's ClsHead config. */
export const classifierConfig = z.strictObject({
  type: z.literal('ClsHead'),
  with_avg_pool: z.boolean().default(false),
  in_channels: channels,
  num_classes: z.int().positive(),
});

/** The reference's optimizer config. */
export const optimizerConfig = z.strictObject({
  type: z.enum(['SGD', 'LARS']),
  lr: z.number(),
  weight_decay: z.number(),
  momentum: z.number(),
  nesterov: z.boolean().default(false),
  /** By pattern; `param_options` has what comes of it, where a case lists that. */
  paramwise_options: z
    .record(
      z.string(),
      z.strictObject({
        lr_mult: z.number().optional(),
        momentum: z.number().optional(),
        weight_decay: z.number().optional(),
        lars_exclude: z.boolean().optional(),
      }),
    )
    .default({}),
});

const Options = z.record(
  z.string(),
  z.strictObject({
    lr: z.number(),
    weight_decay: z.number(),
    momentum: z.number(),
    lars_exclude: z.boolean().optional(),
  }),
);

/** The optimizer of a case, with a rule for each parameter that its `param_options` set apart. */
export function optimizerOf(
  fixture: Fixture,
  config: z.output<typeof optimizerConfig>,
): OptimizerSpec {
  const { lr, momentum, nesterov, weight_decay: weightDecay } = config;
  const options = fixture.field('param_options', Options.optional());
  const kind = config.type === 'SGD' ? 'sgd' : 'lars';
  const rules = options === undefined ? patterns(config) : singled(config, options);
  return OptimizerSpec.parse({ kind, lr, momentum, weightDecay, nesterov, rules });
}

type Config = z.output<typeof optimizerConfig>;

function singled(
  { lr, momentum, weight_decay }: Config,
  options: z.output<typeof Options>,
): z.input<typeof OptimizerSpec>['rules'] {
  return Object.entries(options).flatMap(([name, option]) => {
    const same =
      option.lr === lr && option.momentum === momentum && option.weight_decay === weight_decay;
    if (same && !option.lars_exclude) return [];
    return {
      match: `^${name.replaceAll('.', '\\.')}$`,
      lr: option.lr,
      momentum: option.momentum,
      weightDecay: option.weight_decay,
      larsExclude: option.lars_exclude,
    };
  });
}

function patterns({ paramwise_options }: Config): z.input<typeof OptimizerSpec>['rules'] {
  return Object.entries(paramwise_options).map(([match, option]) => ({
    match: match.replace('\\A', '^'), // Python's name for the start
    lrMultiplier: option.lr_mult,
    momentum: option.momentum,
    weightDecay: option.weight_decay,
    larsExclude: option.lars_exclude,
  }));
}

/** Hyper-parameters that every method's case has; spread into its schema. */
export const commonParameters = {
  depth: z.int(),
  width: z.int(),
  batch: z.int().positive(),
  size: z.int().positive(),
  steps: z.int().positive(),
  optimizer: optimizerConfig,
};

/** Holds depth and width of the hyper-parameters to the backbone that the case builds. */
export function agreeOnBackbone(
  parameters: { readonly depth: number; readonly width: number },
  backbone: { readonly depth: number; readonly width: number },
): void {
  agree('depth', parameters.depth, backbone.depth);
  agree('width', parameters.width, backbone.width * 64);
}

/** Holds widths, layers, biases and the last norm of the hyper-parameters to the neck of the case. */
export function agreeOnNeck(
  parameters: {
    readonly dim: number;
    readonly hid?: number | undefined;
    readonly num_layers?: number | undefined;
    readonly with_bias?: boolean | undefined;
    readonly with_last_bn?: boolean | undefined;
  },
  neck: NeckSpec,
): void {
  const single = parameters.num_layers === 1; // then the hidden width is the last one
  agree('dim', single ? parameters.hid : parameters.dim, neck.out);
  agreeOnHidden(parameters.hid, neck);
  if (neck.kind !== 'layers') return;
  const { num_layers = neck.hidden.length + 1, with_bias = neck.bias } = parameters;
  agree('num_layers', num_layers, neck.hidden.length + 1);
  agree('with_bias', with_bias, neck.bias);
  if (!single) agree('with_last_bn', parameters.with_last_bn ?? neck.lastNorm, neck.lastNorm);
}

/** Holds the width of hidden layers, where the hyper-parameters have it, to the neck of the case. */
export function agreeOnHidden(hid: number | undefined, neck: NeckSpec | null): void {
  const widths = neck === null || neck.kind === 'linear' ? [] : [neck.hidden].flat();
  if (hid !== undefined) for (const width of widths) agree('hid', hid, width);
}

/** Holds a hyper-parameter to what the case's model was built with. @throws UserError by its name. */
export function agree(name: string, parameter: unknown, built: unknown): void {
  if (parameter !== built)
    throw new UserError(`hyper_parameters.${name}: ${parameter}, but the model has ${built}`);
}
