import { type HostArray, hostArray } from '../../harness/engine/array.ts';
import { flat } from '../../harness/testing/parity/arrays.ts';
import type { Fixture } from '../../harness/testing/parity/fixture.ts';

/** Boxes of a case, 4 values each. */
export function boxesOf(fixture: Fixture, name: string): Float32Array {
  return Float32Array.from(flat(fixture.input(name).data));
}

/** Integers as cases have them. */
export function integers(values: ArrayLike<number>): HostArray {
  const data = BigInt64Array.from({ length: values.length }, (_, i) => BigInt(values[i] ?? 0));
  return hostArray('int64', [values.length], data);
}

/** The numbers that follow `prefix` in names of inputs, ascending. */
export function placesOf(fixture: Fixture, prefix: string): number[] {
  const found = fixture.inputs.flatMap((name) => {
    const [, digits] =
      /^(\d+)(\.|$)/.exec(name.startsWith(prefix) ? name.slice(prefix.length) : '') ?? [];
    return digits === undefined ? [] : [Number(digits)];
  });
  return [...new Set(found)].sort((a, b) => a - b);
}
