import type { Attrs } from '../graph/description.ts';

/** What one input of a case holds: drawn values, or the integers that an op takes as its sizes or places. */
export type Input =
  | { readonly kind: 'normal' | 'positive'; readonly shape: readonly number[] }
  /** As `normal`, but float32 in bf16 cases too: scales and statistics. */
  | { readonly kind: 'wide'; readonly shape: readonly number[] }
  /** Numbers 0 to `below` - 1, in no simple order. */
  | { readonly kind: 'places'; readonly shape: readonly number[]; readonly below: number }
  | { readonly kind: 'integers'; readonly values: readonly number[] }
  | { readonly kind: 'integer'; readonly value: number };

/**
 * One op: its type, or one of the passes that XLA compiles (`passes` in probe.ts); what it takes, inputs and earlier
 * ops by name, `y:1` for a second output.
 */
export interface Step {
  readonly type: string;
  readonly of: readonly string[];
  readonly attrs?: Attrs;
  /** 1 unless given. */
  readonly outputs?: number;
}

/**
 * A kernel, or the few that TensorFlow makes one of, on fixed values. Plain data of raw ops and no layers of
 * ours: a layer that is put together in another way changes graphs, but not what a platform is called.
 */
export interface Case {
  readonly name: string;
  readonly precision: 'fp32' | 'bf16';
  readonly inputs: Readonly<Record<string, Input>>;
  readonly steps: Readonly<Record<string, Step>>;
  /** What is hashed, in this order. */
  readonly results: readonly string[];
}

/** A case before it is said in which precision it runs. */
export type Kernel = Omit<Case, 'precision'>;

/** Normal draws under a shape. */
export function normal(...shape: readonly number[]): Input {
  return { kind: 'normal', shape };
}

/** Normal draws that stay float32. */
export function wide(...shape: readonly number[]): Input {
  return { kind: 'wide', shape };
}

/** A constant that is a scalar. */
export function integer(value: number): Input {
  return { kind: 'integer', value };
}

/** A constant, [n]. */
export function integers(...values: readonly number[]): Input {
  return { kind: 'integers', values };
}

/** A case of one op, which is called `y`. */
export function single(
  name: string,
  type: string,
  inputs: Case['inputs'],
  attrs: Attrs = {},
): Kernel {
  return { name, inputs, steps: { y: { type, of: Object.keys(inputs), attrs } }, results: ['y'] };
}
