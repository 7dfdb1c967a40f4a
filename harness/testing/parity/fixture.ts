import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../base/errors.ts';
import { readText } from '../../base/file_error.ts';
import { readJson } from '../../base/json_file.ts';
import { readFolder } from '../../base/read.ts';
import type { HostArray } from '../../engine/array.ts';
import { readSafetensors } from '../../weights/safetensors.ts';
import { unsupported } from './unsupported.ts';

/** How far a value may be from the reference's: see `distance`. */
const Tolerance = z.object({
  kind: z.enum(['relative', 'relative_to_max', 'absolute', 'exact', 'fraction_of_pixels']),
  value: z.number().nonnegative().default(0),
  /** Allowed besides the relative part. */
  absolute: z.number().nonnegative().default(0),
});
export type Tolerance = z.infer<typeof Tolerance>;

const Role = z.enum(['input', 'expected']);
const Case = z.looseObject({
  case: z.string(),
  method: z.string(),
  world_size: z.int().positive().default(1),
  tolerances: z.record(z.string(), Tolerance),
  gradients_zero_in_exact_arithmetic: z.array(z.string()).default([]),
  tensors: z.record(
    z.string(),
    z.looseObject({ role: Role, dtype: z.string(), shape: z.array(z.int().nonnegative()) }),
  ),
});

/** A case about names alone: there is no file of tensors then. */
const NamesCase = Case.extend({
  tolerances: Case.shape.tolerances.default({}),
  tensors: Case.shape.tensors.default({}),
});

/** One parity case as it lies on disk: a JSON description and the tensors it lists. */
export interface Fixture {
  readonly name: string;
  /** What the case is about, e.g. `moco`; picks the code that runs it. */
  readonly method: string;
  /** Processes of the reference run. */
  readonly worldSize: number;
  readonly tolerances: Readonly<Record<string, Tolerance>>;
  /** Parameters whose gradient is rounding noise in the reference. */
  readonly zeroGradients: ReadonlySet<string>;
  /** Expected tensors by name, in the reference's layout. */
  readonly expected: ReadonlyMap<string, HostArray>;
  /** Names of all inputs. */
  readonly inputs: readonly string[];
  /** An input. @throws UserError when the fixture has none of that name. */
  input(name: string): HostArray;
  /** A field of the JSON, held to a schema. @throws UserError that names field and option. */
  field<T>(name: string, schema: z.ZodType<T>): T;
  /** What another file of the case holds, NAME.PART.json. @throws UserError when it cannot be read */
  part(name: string): unknown;
}

/** Names of the cases in a folder, sorted. */
export function caseNames(directory: string): readonly string[] {
  if (!existsSync(directory)) throw new UserError(`parity: no folder ${directory}`);
  const stems = readFolder(directory)
    .filter((file) => /\.(json|safetensors)$/.test(file))
    .map((file) => file.replace(/\.(json|safetensors)$/, ''));
  // `coco_ap.gt.json` belongs to the case `coco_ap`.
  return [...new Set(stems.map((stem) => stem.replace(/\..*$/, '')))].sort();
}

/** Reads one case. @throws UserError when a file is missing, damaged or not as its table says. */
export function readFixture(directory: string, name: string): Fixture {
  const json = parseJson(join(directory, `${name}.json`));
  const parsed = parsedBy('tensors' in json ? Case : NamesCase, json, `${name}.json`);
  const tensors = tensorsOf(directory, name, Object.keys(parsed.tensors).length);
  for (const [key, { shape, dtype }] of Object.entries(parsed.tensors)) {
    const tensor = tensors.get(key);
    if (tensor === undefined) throw new UserError(`tensor is missing: ${key}`);
    if (String(tensor.shape) !== String(shape) || tensor.dtype !== dtype)
      throw new UserError(
        `${key}: found ${tensor.dtype} [${tensor.shape}], the table says ${dtype} [${shape}]`,
      );
  }
  const ofRole = (role: 'input' | 'expected') =>
    [...tensors].filter(([key]) => parsed.tensors[key]?.role === role);
  const inputs = new Map(ofRole('input'));
  return {
    name,
    method: parsed.method,
    worldSize: parsed.world_size,
    tolerances: parsed.tolerances,
    zeroGradients: new Set(parsed.gradients_zero_in_exact_arithmetic),
    expected: new Map(ofRole('expected')),
    inputs: [...inputs.keys()],
    input: (key) => {
      const tensor = inputs.get(key);
      if (tensor === undefined) throw new UserError(`input is missing: ${key}`);
      return tensor;
    },
    field: (key, schema) => parsedBy(schema, json[key], key),
    part: (key) => readJson(join(directory, `${name}.${key}.json`), 'COCO annotations or results'),
  };
}

function tensorsOf(directory: string, name: string, count: number): ReadonlyMap<string, HostArray> {
  const path = join(directory, `${name}.safetensors`);
  if (existsSync(path)) return readSafetensors(path).tensors;
  if (count === 0) return new Map();
  throw new UserError(`tensor file is missing: ${name}.safetensors`);
}

function parseJson(path: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(withoutInfinities(readText(path)));
    return parsedBy(z.record(z.string(), z.unknown()), value, path);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`description cannot be read: ${(error as Error).message}`);
  }
}

/** Python writes numbers that JSON has not, e.g. for the order of a norm: here they are strings. */
function withoutInfinities(text: string): string {
  return text.replace(/"(?:\\.|[^"\\])*"|-?\bInfinity\b|\bNaN\b/g, (part) =>
    part.startsWith('"') ? part : `"${part}"`,
  );
}

function parsedBy<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const options = result.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [],
  );
  const [unknown] = options;
  if (unknown !== undefined)
    throw unsupported([where, ...unknown].join('.'), 'no option of that name is known there');
  const problems = result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new UserError(`${where}: ${problems.join('; ')}`);
}
