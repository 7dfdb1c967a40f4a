import { UserError } from '../base/errors.ts';
import type { OptimizerSpec } from './spec.ts';

/** How the optimiser treats one parameter. */
export interface ParameterRule {
  /** Times the rate of the step. */
  readonly lrMultiplier: number;
  readonly momentum: number;
  readonly weightDecay: number;
  /** LARS: no layer-wise scaling. */
  readonly larsExclude: boolean;
}

/**
 * Each parameter's rule, by its full name. Every rule that matches applies, in the order of the spec.
 * @param excluded parameters without weight decay and layer-wise rate unless a rule says otherwise
 * @throws UserError for a rule that matches no parameter.
 */
export function resolveRules(
  { lr, momentum, weightDecay, rules }: OptimizerSpec,
  names: readonly string[],
  excluded: (name: string) => boolean = () => false,
): Map<string, ParameterRule> {
  const patterns = rules.map(({ match }) => new RegExp(match, 'u'));
  const idle = patterns.findIndex((pattern) => !names.some((name) => pattern.test(name)));
  if (idle >= 0)
    throw new UserError(
      `optimizer.rules.${idle}.match: no parameter matches "${rules[idle]?.match}"; there are ` +
        `${names.length}, among them ${names.slice(0, 3).join(', ')}`,
    );
  return new Map(
    names.map((name) => {
      const larsExclude = excluded(name);
      const decay = larsExclude ? 0 : weightDecay;
      let rule: ParameterRule = { lrMultiplier: 1, momentum, weightDecay: decay, larsExclude };
      for (const [i, { match: _, lr: own, ...set }] of rules.entries()) {
        if (!patterns[i]?.test(name)) continue;
        const rate = own === undefined ? {} : { lrMultiplier: own / lr };
        rule = { ...rule, ...rate, ...defined(set) };
      }
      return [name, rule];
    }),
  );
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function defined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, x]) => x !== undefined)) as Defined<T>;
}
