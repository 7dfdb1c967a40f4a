import { z } from 'zod';
import { UserError } from './errors.ts';
import { nearest } from './nearest.ts';

type Path = readonly PropertyKey[];
type Issue = z.core.$ZodIssue;

const SHOWN = 60; // characters of a wrong value that a message repeats

/**
 * A value checked against a schema, every default filled in.
 * @param what names the value in messages, e.g. `experiment moco`.
 * @param at the path of the value inside what the user wrote.
 * @throws UserError with one line for each thing wrong: where, what was expected, what was found
 *   and, for a key that is not known, the nearest one that is.
 */
export function parse<T extends z.ZodType>(
  schema: T,
  value: unknown,
  what: string,
  at: Path = [],
): z.output<T> {
  const result = checked(schema, value, what);
  if (result.success) return result.data;
  const lines = result.error.issues
    .flatMap((issue) => narrow(issue, []))
    .flatMap(({ issue, path }) => describe(issue, path, schema, value))
    .map(({ path, text }) => `${dotted([...at, ...path])}${text}`);
  const [first = '', ...others] = lines;
  const head = others.length === 0 ? `${what}: ` : `${what}: ${lines.length} mistakes\n  `;
  throw new UserError(head + [first, ...others].join('\n  '));
}

/** Schemas that contain themselves follow the value, however deep. */
function checked<T extends z.ZodType>(schema: T, value: unknown, what: string) {
  try {
    return schema.safeParse(value);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new UserError(`${what}: it is nested too deeply; take some levels out`, { cause });
  }
}

interface Placed {
  readonly issue: Issue;
  readonly path: Path;
}

// Of a union's branches, the one that the value came furthest into is the one that was meant.
function narrow(issue: Issue, base: Path): Placed[] {
  const path = [...base, ...issue.path];
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [{ issue, path }];
  const branches = issue.errors.map((issues) => issues.flatMap((one) => narrow(one, path)));
  const depth = (branch: Placed[]) =>
    Math.max(...branch.map((placed) => placed.path.length + (isKeyIssue(placed.issue) ? 1 : 0)));
  const reached = [...branches].sort((a, b) => depth(b) - depth(a) || a.length - b.length);
  const [best = []] = reached;
  return depth(best) > path.length ? best : [{ issue, path }];
}

function isKeyIssue(issue: Issue): boolean {
  return issue.code === 'unrecognized_keys';
}

interface Line {
  readonly path: Path;
  readonly text: string;
}

function describe(issue: Issue, path: Path, schema: z.core.$ZodType, value: unknown): Line[] {
  const found = valueAt(value, path);
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(schemaAt(schema, path, value));
    return issue.keys.map((key) => ({ path: [...path, key], text: unknownKey(key, known) }));
  }
  if (issue.code === 'custom') return [{ path, text: `: ${issue.message}${shown(found)}` }];
  const expected = expectation(issue);
  if (found === undefined) return [{ path, text: ` is missing; ${expected}` }];
  const options = 'options' in issue && Array.isArray(issue.options) ? issue.options : [];
  const choices = issue.code === 'invalid_value' ? issue.values : options;
  // An object may hold a `toString` of its own, which is no function.
  const word = typeof found === 'object' ? '' : String(found);
  const near = word === '' ? undefined : nearest(word, choices.map(String));
  const hint = near === undefined ? '' : `; did you mean "${near}"?`;
  return [{ path, text: `: ${expected}${shown(found)}${hint}` }];
}

function unknownKey(key: string, known: readonly string[]): string {
  const near = nearest(key, known);
  if (near !== undefined) return ` is not known; did you mean ${near}?`;
  return known.length === 0 ? ' is not known' : ` is not known; expected ${known.join(', ')}`;
}

function expectation(issue: Issue): string {
  const message = issue.message.replace(/^[^:]*: (?=expected)/, '').replace(/, received .*$/s, '');
  return message.replace('Invalid discriminator value. Expected', 'expected');
}

function shown(found: unknown): string {
  if (found === undefined) return '';
  const text = typeof found === 'number' ? String(found) : (JSON.stringify(found) ?? typeof found);
  return `, found ${text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text}`;
}

function dotted(path: Path): string {
  if (path.length === 0) return 'it';
  return path
    .map((key, i) => (typeof key === 'number' ? `[${key}]` : `${i === 0 ? '' : '.'}${String(key)}`))
    .join('');
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null ? Reflect.get(inner, key) : undefined,
    value,
  );
}

function knownKeys(schema: z.core.$ZodType | undefined): readonly string[] {
  return schema instanceof z.core.$ZodObject ? Object.keys(schema._zod.def.shape) : [];
}

// Follows a path into a schema; a tagged union is entered by the tag that the value carries.
function schemaAt(
  schema: z.core.$ZodType | undefined,
  path: Path,
  value: unknown,
): z.core.$ZodType | undefined {
  const open = schema === undefined ? undefined : unwrap(schema, value);
  const [key, ...rest] = path;
  if (key === undefined || open === undefined) return open;
  return schemaAt(child(open, key), rest, valueAt(value, [key]));
}

function unwrap(schema: z.core.$ZodType, value: unknown): z.core.$ZodType {
  const { def } = schema._zod;
  if ('innerType' in def && def.innerType instanceof z.core.$ZodType) {
    return unwrap(def.innerType, value);
  }
  if (schema instanceof z.core.$ZodPipe) return unwrap(schema._zod.def.in, value);
  if (schema instanceof z.core.$ZodLazy) return unwrap(schema._zod.innerType, value);
  if (!(schema instanceof z.core.$ZodUnion)) return schema;
  const branches = schema._zod.def.options.map((branch) => unwrap(branch, value));
  return branches.find((branch) => tagFits(branch, value)) ?? schema;
}

function tagFits(branch: z.core.$ZodType, value: unknown): boolean {
  if (!(branch instanceof z.core.$ZodObject)) return false;
  const tags = Object.entries(branch._zod.def.shape).filter(
    ([, field]) => field instanceof z.core.$ZodLiteral || field instanceof z.core.$ZodEnum,
  );
  return tags.every(([key, tag]) => tag._zod.values?.has(String(valueAt(value, [key]))));
}

function child(schema: z.core.$ZodType, key: PropertyKey): z.core.$ZodType | undefined {
  if (schema instanceof z.core.$ZodObject) return schema._zod.def.shape[String(key)];
  if (schema instanceof z.core.$ZodArray) return schema._zod.def.element;
  if (schema instanceof z.core.$ZodRecord) return schema._zod.def.valueType;
  return undefined;
}
