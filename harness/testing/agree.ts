import { expect } from 'vitest';
import type { HostArray } from '../engine/array.ts';
import { fillNormal, stream } from '../random/stream.ts';
import {
  type Arrays,
  type Differentiable,
  differentiate,
  floats,
  onJavaScript,
} from './evaluate.ts';

/** Between two float32 implementations, as a share of the largest value of a tensor. */
export const BOUND = 2e-5;

/** Standard normal values, the same for the same name and shape. */
export function normal(name: string, ...shape: number[]): HostArray {
  const count = shape.reduce((a, b) => a * b, 1);
  return floats(shape, fillNormal(stream(1, name, ...shape), new Float32Array(count), 1));
}

/** Values of -1, 0 and 1: sums of a few hundred such products are exact in both precisions. */
export function signs(name: string, shape: readonly number[]): HostArray {
  const draws = stream(1, name);
  const count = shape.reduce((a, b) => a * b, 1);
  return floats(
    shape,
    Array.from({ length: count }, () => draws.int(-1, 1)),
  );
}

/** Holds every array of `expected` to the one of that name in `found`, to a share of its largest value. */
export function near(
  found: Readonly<Record<string, Pick<HostArray, 'data'>>>,
  expected: Readonly<Record<string, { readonly data: ArrayLike<number | bigint> }>>,
  bound: number = BOUND,
): void {
  for (const [name, { data }] of Object.entries(expected)) {
    const want = Array.from(data, Number);
    const got = Array.from(found[name]?.data ?? [], Number);
    expect(got.length, name).toBe(want.length);
    const largest = want.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-3);
    const gap = want.reduce((most, x, k) => Math.max(most, Math.abs(x - (got[k] ?? NaN))), 0);
    expect(gap / largest, name).toBeLessThan(bound);
  }
}

/** Functions of the same variables and constants: by the engine's ops and by tfjs's own. */
export interface Twins {
  readonly variables: Arrays;
  readonly constants?: Arrays;
  /** Of the value. */
  readonly shape: readonly number[];
  readonly ours: Differentiable['apply'];
  readonly theirs: Differentiable['apply'];
  readonly bound?: number;
}

/** Holds value and gradients by the engine to those by tfjs's JavaScript kernels. */
export async function agree(twins: Twins): Promise<void> {
  const { variables, constants = {}, shape, ours, theirs, bound } = twins;
  const upstream = normal('upstream', ...shape);
  const found = await differentiate({ variables, constants, apply: ours }, upstream);
  near(found, onJavaScript({ variables, constants, apply: theirs }, upstream), bound);
}
