import { z } from 'zod';
import { UserError } from '../../base/errors.ts';
import type { OptimizerSpec } from '../../optim/spec.ts';
import { unsupported } from './unsupported.ts';

/** A rule of an optimizer's spec; what the optimizer has no use for is left out later. */
export type RuleInput = Record<string, string | number | boolean> & { match: string };

/** Options of the reference's by which a parameter may be apart, and what they are here. */
const FIELDS = {
  lr: 'lr',
  weight_decay: 'weightDecay',
  momentum: 'momentum',
  dampening: 'dampening',
  eta: 'eta',
} as const;
const SWITCHES = { nesterov: 'nesterov', lars_exclude: 'larsExclude' } as const;

const Value = z.union([z.number(), z.boolean()]);

/**
 * The reference's `paramwise_options` as rules, in their order: a key that ends in `_mult` multiplies
 * the base value, any other replaces it; of two in one entry the later one counts. An entry whose pattern is found in
 * no name is passed over whatever it holds, as in the reference.
 * @param base values of the optimizer, by the reference's names
 * @throws UserError for an option that is not known.
 */
export function rulesOf(
  options: Readonly<Record<string, unknown>>,
  base: Readonly<Record<string, unknown>>,
  names: readonly string[],
): RuleInput[] {
  return Object.entries(options).flatMap(([pattern, entry]) => {
    const match = jsPattern(pattern);
    const expression = new RegExp(match, 'u');
    if (!names.some((name) => expression.test(name))) return [];
    const where = `paramwise_options."${pattern}"`;
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry))
      throw new UserError(`${where}: found ${JSON.stringify(entry)}, expected options by name`);
    const rule: RuleInput = { match };
    for (const [key, given] of Object.entries(entry)) {
      const value = Value.safeParse(given);
      if (!value.success)
        throw new UserError(`${where}.${key}: found ${JSON.stringify(given)}, expected a number`);
      setOption(rule, key, value.data, base, where);
    }
    return [rule];
  });
}

function setOption(
  rule: RuleInput,
  key: string,
  value: number | boolean,
  base: Readonly<Record<string, unknown>>,
  where: string,
): void {
  const multiplies = key.endsWith('_mult');
  const name = key.replace(/_mult$/, '');
  if (Object.hasOwn(SWITCHES, name)) {
    const field = SWITCHES[name as keyof typeof SWITCHES];
    rule[field] = multiplies ? Boolean(Number(base[name] ?? 0) * Number(value)) : Boolean(value);
  } else if (Object.hasOwn(FIELDS, name)) {
    const field = FIELDS[name as keyof typeof FIELDS];
    const [set, other] = [`${field}Multiplier`, field];
    delete rule[multiplies ? other : set];
    rule[multiplies ? set : other] = Number(value);
  } else {
    const known = [...Object.keys(FIELDS), ...Object.keys(SWITCHES)].join(', ');
    throw unsupported(
      `${where}.${key}`,
      `what may differ by parameter is ${known}, and _mult of each`,
    );
  }
}

/**
 * A pattern of Python's `re` as one of JavaScript's: the same but for the names of start and end, named
 * groups, and signs that are escaped without need.
 * @throws UserError for what is written otherwise and for what is no pattern.
 */
export function jsPattern(python: string): string {
  const anchors: Readonly<Record<string, string>> = { A: '^', Z: '$' };
  const js = python
    .replace(/\\(.)/gsu, (whole, next: string) => {
      if (anchors[next] !== undefined) return anchors[next];
      return /[A-Za-z0-9^$\\.*+?()[\]{}|/-]/.test(next) ? whole : next;
    })
    .replaceAll('(?P<', '(?<')
    .replace(/\(\?P=(\w+)\)/g, '\\k<$1>');
  const parted = js.replace(/\\-(?![^[]*\])/g, '-'); // only a class may escape it
  try {
    new RegExp(parted, 'u');
  } catch {
    throw unsupported(`pattern "${python}"`, 'JavaScript reads it otherwise or not at all');
  }
  return parted;
}

/** The optimizer without the rules that none of its parameters matches; the reference has them do nothing. */
export function withoutIdleRules(spec: OptimizerSpec, names: readonly string[]): OptimizerSpec {
  const works = ({ match }: { readonly match: string }) => {
    const pattern = new RegExp(match, 'u');
    return names.some((name) => pattern.test(name));
  };
  switch (spec.kind) {
    case 'sgd':
      return { ...spec, rules: spec.rules.filter(works) };
    case 'lars':
      return { ...spec, rules: spec.rules.filter(works) };
    default:
      return { ...spec, rules: spec.rules.filter(works) };
  }
}
