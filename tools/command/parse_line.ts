import { parseArgs } from 'node:util';
import { nearest } from '../../harness/base/index.ts';
import type { Argument, Option, OptionSpecs, OptionValue } from './option.ts';

/** A mistake on the command line. */
export class UsageError extends Error {}

/** What a command line says. */
export interface Line {
  readonly options: Readonly<Record<string, OptionValue>>;
  readonly args: readonly string[];
}

type Token = ReturnType<typeof tokensOf>['tokens'][number];
type OptionToken = Extract<Token, { kind: 'option' }>;

/**
 * Reads a command line.
 * @param name of the command, for messages
 * @throws UsageError where it is wrong.
 */
export function parseLine(
  name: string,
  { options: specs, arguments: wanted }: { options: OptionSpecs; arguments: readonly Argument[] },
  line: readonly string[],
): Line {
  const { tokens, positionals } = tokensOf(specs, line);
  const values = new Map(Object.entries(specs).map(([key, spec]) => [key, startOf(spec)]));
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const spec = Object.hasOwn(specs, token.name) ? specs[token.name] : undefined;
    if (spec === undefined) throw unknownOption(name, token.rawName, Object.keys(specs));
    const value = optionValue(name, token, spec);
    const before = values.get(token.name);
    values.set(token.name, typeof before === 'object' ? [...before, String(value)] : value);
  }
  if (values.get('help') !== true) checkArguments(name, wanted, positionals);
  return { options: Object.fromEntries(values), args: positionals };
}

function tokensOf(specs: OptionSpecs, line: readonly string[]) {
  const types = Object.entries(specs).map(([key, { kind }]) => {
    const flag = { type: 'boolean' } as const;
    return [key, kind === 'flag' ? flag : ({ type: 'string', multiple: true } as const)] as const;
  });
  return parseArgs({
    args: [...line],
    options: Object.fromEntries(types),
    strict: false,
    tokens: true,
    allowPositionals: true,
  });
}

/** The value of an option that is not given. */
function startOf({ kind, default: start }: Option): OptionValue {
  if (start !== undefined) return start;
  if (kind === 'flag') return false;
  return kind === 'list' ? [] : undefined;
}

function unknownOption(name: string, rawName: string, known: readonly string[]): UsageError {
  const near = nearest(rawName.replace(/^-+/, ''), known);
  const hint = near === undefined ? '' : `; did you mean --${near}?`;
  return new UsageError(`${name} has no option ${rawName}${hint}`);
}

function optionValue(
  name: string,
  { rawName, value, inlineValue }: OptionToken,
  { kind, min, choices }: Option,
): boolean | string | number {
  if (kind === 'flag') {
    if (value !== undefined) throw new UsageError(`${rawName} takes no value, found "${value}"`);
    return true;
  }
  const swallowed = !inlineValue && /^-[^\d.]/.test(value ?? '');
  if (value === undefined || swallowed) throw new UsageError(`${name}: ${rawName} needs a value`);
  if (choices !== undefined && !choices.includes(value))
    throw new UsageError(`${rawName}: found "${value}", expected one of ${choices.join(', ')}`);
  return kind === 'int' || kind === 'number' ? numberOf(rawName, value, kind, min) : value;
}

function numberOf(
  rawName: string,
  value: string,
  kind: 'int' | 'number',
  min = Number.NEGATIVE_INFINITY,
): number {
  const number = value.trim() === '' ? Number.NaN : Number(value);
  const fits = kind === 'int' ? Number.isSafeInteger(number) : Number.isFinite(number);
  if (fits && number >= min) return number;
  const kindName = kind === 'int' ? 'a whole number' : 'a number';
  const bound = Number.isFinite(min) ? ` of at least ${min}` : '';
  throw new UsageError(`${rawName}: found "${value}", expected ${kindName}${bound}`);
}

function checkArguments(name: string, wanted: readonly Argument[], args: readonly string[]): void {
  const missing = wanted
    .slice(args.length)
    .find(({ optional, repeated }) => !optional && !repeated);
  if (missing !== undefined) throw new UsageError(`${name} needs ${missing.name}: ${missing.help}`);
  if (args.length > wanted.length && !wanted.at(-1)?.repeated)
    throw new UsageError(`${name}: one argument too many, "${args[wanted.length]}"`);
}
