import { UserError } from '../base/errors.ts';
import type { OptimizerSpec } from './spec.ts';

/** How the optimiser treats one parameter. */
export interface ParameterRule {
  /** Times the rate of the step. */
  readonly lrMultiplier: number;
  readonly weightDecay: number;
  readonly momentum: number;
  /** Share of a gradient that does not enter the momentum, from the second step on. */
  readonly dampening: number;
  readonly nesterov: boolean;
  /** LARS: size of a step over the size of the weight. */
  readonly eta: number;
  /** LARS: no layer-wise scaling. */
  readonly larsExclude: boolean;
}

type Settings = Omit<ParameterRule, 'lrMultiplier'>;
type Numbers = 'weightDecay' | 'momentum' | 'dampening' | 'eta';
/** A rule of the spec, with the fields of all optimisers. */
type Rule = Optional<Settings & Record<`${Numbers}Multiplier` | 'lr' | 'lrMultiplier', number>>;
type Optional<T> = { readonly [K in keyof T]?: T[K] | undefined };

/**
 * Each parameter's rule, by its full name. Every rule that matches applies, in the order of the spec.
 * @param excluded parameters without weight decay and layer-wise rate unless a rule says otherwise
 * @throws UserError for a rule that matches no parameter.
 */
export function resolveRules(
  spec: OptimizerSpec,
  names: readonly string[],
  excluded: (name: string) => boolean = () => false,
): Map<string, ParameterRule> {
  const rules: readonly ({ readonly match: string } & Rule)[] = spec.rules;
  const patterns = rules.map(({ match }) => new RegExp(match, 'u'));
  const idle = patterns.findIndex((pattern) => !names.some((name) => pattern.test(name)));
  if (idle >= 0)
    throw new UserError(
      `optimizer.rules.${idle}.match: no parameter matches "${rules[idle]?.match}"; there are ` +
        `${names.length}, among them ${names.slice(0, 3).join(', ')}`,
    );
  const base = settingsOf(spec);
  return new Map(
    names.map((name) => {
      const larsExclude = excluded(name);
      const weightDecay = larsExclude ? 0 : base.weightDecay;
      let rule: ParameterRule = { ...base, lrMultiplier: 1, weightDecay, larsExclude };
      for (const [i, { match: _, ...set }] of rules.entries()) {
        if (!patterns[i]?.test(name)) continue;
        rule = { ...rule, ...changes(set, base, spec.lr) };
      }
      return [name, rule];
    }),
  );
}

/** What holds for every parameter without a rule. */
function settingsOf(spec: OptimizerSpec): Settings {
  const plain = { momentum: 0, dampening: 0, nesterov: false, eta: 0, larsExclude: false };
  const { weightDecay } = spec;
  if (spec.kind === 'adam' || spec.kind === 'adamw') return { ...plain, weightDecay };
  const { momentum, dampening = 0, nesterov } = spec;
  const eta = spec.kind === 'lars' ? spec.eta : 0;
  return { ...plain, weightDecay, momentum, dampening, nesterov, eta };
}

/** What a rule says of a parameter: values in place of the base, and multiples of it. */
function changes(
  { lr: own, lrMultiplier, ...set }: Rule,
  base: Settings,
  lr: number,
): Partial<ParameterRule> {
  if (own !== undefined && lr === 0)
    throw new UserError(
      'optimizer.lr: 0, but a rule has a rate of its own, which is kept as a multiple of it; use another base rate',
    );
  const times = own === undefined ? lrMultiplier : own / lr;
  const multiples = (['weightDecay', 'momentum', 'dampening', 'eta'] as const).map((field) => {
    const factor = set[`${field}Multiplier`];
    return [field, factor === undefined ? set[field] : base[field] * factor] as const;
  });
  const { nesterov, larsExclude } = set;
  return defined({ lrMultiplier: times, ...Object.fromEntries(multiples), nesterov, larsExclude });
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function defined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, x]) => x !== undefined)) as Defined<T>;
}
