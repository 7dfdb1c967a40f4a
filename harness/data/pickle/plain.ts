import { byteSource, latin1 } from './byte_source.ts';
import type { Place } from './machine.ts';
import { allowed } from './numpy_names.ts';
import { unpickle } from './unpickle.ts';

export interface Pickle {
  readonly value: unknown;
  /** Where the longest string or bytes object lies in the file, if it lies there as it is. */
  readonly longest: Place | undefined;
}

/**
 * Reads a pickle of plain values and numpy arrays, of numpy 1 or 2 (`unpickle`); `arrayOf` tells its arrays.
 * @throws Error that says what is not understood; the caller knows the file's name.
 */
export function readPickle(file: Uint8Array): Pickle {
  return unpickle(byteSource(file), { name: allowed });
}

/** Text of a Python 2 string, a Python 3 string or bytes. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return value instanceof Uint8Array ? latin1(value) : undefined;
}

/** Looks a key up in an unpickled dictionary, whatever kind of string it is there. */
export function entryOf(value: unknown, key: string): unknown {
  if (!(value instanceof Map)) return undefined;
  for (const [name, entry] of value) if (textOf(name) === key) return entry;
  return undefined;
}
