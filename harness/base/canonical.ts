/** A value that JSON holds without loss. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

/**
 * The one JSON text of a value: keys sorted by UTF-16 code units, no blanks, numbers in their
 * shortest form that reads back to the same double, -0 as 0, fields that are `undefined` left out.
 * Equal values give equal bytes, so the text can be hashed.
 * @throws when the value holds something that JSON cannot hold (NaN, Infinity, a function, …).
 * @example canonicalJson({ b: [1, 2], a: 0.1 }) // '{"a":0.1,"b":[1,2]}'
 */
export function canonicalJson(value: unknown): string {
  return encode(value, '');
}

function encode(value: unknown, path: string): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') {
    return JSON.stringify(value);
  }
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value);
  if (Array.isArray(value)) {
    return `[${value.map((item, i) => encode(item, `${path}[${i}]`)).join(',')}]`;
  }
  if (typeof value === 'object' && isPlain(value)) return encodeObject(value, path);
  throw new TypeError(`canonical JSON: ${describe(value)} at ${path === '' ? 'the top' : path}`);
}

function encodeObject(value: object, path: string): string {
  const fields = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, item]) => `${JSON.stringify(key)}:${encode(item, `${path}.${key}`)}`);
  return `{${fields.join(',')}}`;
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function describe(value: unknown): string {
  if (typeof value === 'object' && value !== null) return `a ${value.constructor.name}`;
  return `${typeof value} ${String(value)}`;
}
