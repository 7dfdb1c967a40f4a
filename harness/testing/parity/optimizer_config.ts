import { z } from 'zod';
import { parse } from '../../base/parse.ts';
import { OptimizerSpec } from '../../optim/spec.ts';
import type { Fixture } from './fixture.ts';
import { type RuleInput, rulesOf } from './paramwise.ts';
import { onlyKnown, unsupported } from './unsupported.ts';

/** The reference's optimizer config; `optimizerOf` looks at what its kind has. */
export const optimizerConfig = z.looseObject({
  type: z.string(),
  paramwise_options: z.record(z.string(), z.unknown()).nullish(),
});
export type OptimizerConfig = z.output<typeof optimizerConfig>;

const moving = {
  lr: z.number(),
  momentum: z.number().default(0),
  dampening: z.number().default(0),
  weight_decay: z.number().default(0),
  nesterov: z.boolean().default(false),
};
const adaptive = {
  lr: z.number().default(1e-3),
  betas: z.tuple([z.number(), z.number()]).default([0.9, 0.999]),
  eps: z.number().default(1e-8),
};
/** Options of each optimizer, with the defaults of torch and of the reference. */
const OPTIMIZERS = {
  SGD: z.object(moving),
  LARS: z.object({ ...moving, eta: z.number().default(0.001) }),
  Adam: z.object({ ...adaptive, weight_decay: z.number().default(0) }),
  AdamW: z.object({ ...adaptive, weight_decay: z.number().default(0.01) }),
};
/** Ways of computing the same. */
const HOW = ['foreach', 'fused', 'capturable', 'differentiable'];
/** Names here of the reference's options. */
const RENAMED: Readonly<Record<string, string>> = { weight_decay: 'weightDecay', eps: 'epsilon' };

const Options = z.record(
  z.string(),
  z.looseObject({
    lr: z.number().optional(),
    /** The learning rate over the base rate. */
    mult: z.number().optional(),
    weight_decay: z.number().optional(),
    momentum: z.number().optional(),
    dampening: z.number().optional(),
    nesterov: z.boolean().optional(),
    eta: z.number().optional(),
    lars_exclude: z.boolean().optional(),
  }),
);

/** Gradients are clipped to `max_norm`: torch's clip_grad_norm_. */
export const gradClip = z.strictObject({
  max_norm: z.number().nonnegative(),
  norm_type: z.union([z.number(), z.string()]).default(2),
});

/**
 * The optimizer of a case: its config, its `paramwise_options`, and over these its `param_options`, which
 * list what came of them where a case has any.
 * @param names of the parameters, or more of them
 * @throws UserError for an optimizer or an option that the harness has not.
 */
export function optimizerOf(
  fixture: Fixture,
  config: OptimizerConfig,
  clip?: z.output<typeof gradClip> | null | undefined,
): OptimizerSpec {
  const { type, paramwise_options, ...given } = config;
  if (!Object.hasOwn(OPTIMIZERS, type))
    throw unsupported(
      `optimizer ${type}`,
      `the harness has ${Object.keys(OPTIMIZERS).join(', ')} and no other`,
    );
  const schema = OPTIMIZERS[type as keyof typeof OPTIMIZERS];
  onlyKnown(`optimizer ${type}`, given, [...Object.keys(schema.shape), ...HOW]);
  const base: Readonly<Record<string, unknown>> = parse(schema, given, 'optimizer');
  const names = parametersOf(fixture);
  const listed = fixture.field('param_options', Options.nullish()) ?? {};
  const rules = [...rulesOf(paramwise_options ?? {}, base, names), ...singled(listed)];
  const known = new Set(fieldsOf(type));
  const value = {
    kind: type.toLowerCase(),
    ...renamed(base),
    ...(clip ? { gradClip: { maxNorm: clip.max_norm, p: orderOf(clip.norm_type) } } : {}),
    rules: rules.map((rule) => used(rule, known)),
  };
  return parse(OptimizerSpec, value, 'optimizer');
}

function renamed(base: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(base).map(([key, x]) => [RENAMED[key] ?? key, x]));
}

/** Parameters by name, and buffers among them. */
function parametersOf({ inputs }: Fixture): string[] {
  return inputs.flatMap((name) => /^(?:rank\d+\.)?init\.(.*)$/.exec(name)?.[1] ?? []);
}

function singled(options: z.output<typeof Options>): RuleInput[] {
  return Object.entries(options).map(([name, { lr, mult, ...option }]) => {
    const all = {
      lr,
      lrMultiplier: lr === undefined ? mult : undefined,
      weightDecay: option.weight_decay,
      momentum: option.momentum,
      dampening: option.dampening,
      nesterov: option.nesterov,
      eta: option.eta,
      larsExclude: option.lars_exclude,
    };
    const set = Object.entries(all).flatMap(([key, x]) => (x === undefined ? [] : [[key, x]]));
    return { match: `^${name.replaceAll('.', '\\.')}$`, ...Object.fromEntries(set) };
  });
}

/** What an optimizer looks at of a parameter; other options of its group change nothing. */
function fieldsOf(type: string): string[] {
  const always = ['match', 'lr', 'lrMultiplier', 'weightDecay', 'weightDecayMultiplier'];
  if (type !== 'SGD' && type !== 'LARS') return always;
  const own = ['momentum', 'dampening', ...(type === 'LARS' ? ['eta'] : [])];
  const multiples = own.map((field) => `${field}Multiplier`);
  return [...always, ...own, ...multiples, 'nesterov', 'larsExclude'];
}

function used(rule: RuleInput, known: ReadonlySet<string>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(rule).filter(([key]) => known.has(key)));
}

/** p of a norm: a positive number, or infinity as Python and JSON may spell it. */
function orderOf(type: string | number): number | 'max' {
  if (/^\+?inf(inity)?$/i.test(String(type))) return 'max';
  const order = Number(type);
  if (order > 0) return order;
  throw unsupported(`grad_clip.norm_type ${type}`, 'it is the p of no norm; p is above 0, or inf');
}
