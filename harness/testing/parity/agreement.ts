import { isDeepStrictEqual } from 'node:util';
import type { HostArray } from '../../engine/array.ts';
import type { Fixture, Tolerance } from './fixture.ts';

/** One tensor held to the reference. */
export interface Comparison {
  readonly name: string;
  /** In the measure of its tolerance; infinite for a missing value, another shape, or NaN. */
  readonly error: number;
  /** error / bound: above 1 is a failure. */
  readonly ratio: number;
  /** Why the two could not be compared. */
  readonly problem?: string;
}

/** The comparisons of one process, as JSON. */
export type Told = {
  readonly done: readonly {
    readonly name: string;
    readonly error: string;
    readonly ratio: string;
    readonly problem?: string;
  }[];
  readonly seen: readonly string[];
};

/** How far an update of a parameter may be from the reference's, over its own largest value. */
const UPDATE: Tolerance = { kind: 'relative_to_max', value: 2e-3, absolute: 0 };
const ZERO: Tolerance = { kind: 'absolute', value: 1e-6, absolute: 0 };
const EXACT: Tolerance = { kind: 'exact', value: 0, absolute: 0 };

/**
 * The largest distance between two arrays, as a share of the bound and in the tolerance's measure:
 * relative |a-b|/|b|, relative to max max|a-b|/max|b|, absolute |a-b|, exact: elements that differ, fraction of
 * pixels: their share.
 * @param slack allowed of an element besides
 */
export function distance(
  actual: ArrayLike<number | bigint>,
  expected: ArrayLike<number | bigint>,
  { kind, value, absolute }: Tolerance,
  slack: (i: number) => number = () => 0,
): { readonly error: number; readonly ratio: number } {
  const want = numbers(expected);
  const gaps = want.map((b, i) => gap(Number(actual[i]), b));
  const differing = gaps.filter((size) => size > 0).length;
  if (kind === 'exact')
    return { error: differing, ratio: differing > 0 ? Number.POSITIVE_INFINITY : 0 };
  if (kind === 'fraction_of_pixels') {
    const share = differing / Math.max(1, want.length);
    return { error: share, ratio: over(share, value) };
  }
  const largest = largestOf(want.map(Math.abs));
  const scale = (i: number) =>
    kind === 'absolute' ? 1 : kind === 'relative' ? Math.abs(want[i] ?? 0) : largest;
  const error = largestOf(gaps.map((size, i) => over(size, scale(i))));
  const ratio = largestOf(
    gaps.map((size, i) => over(size, value * scale(i) + absolute + slack(i))),
  );
  return { error, ratio };
}

function numbers(data: ArrayLike<number | bigint>): number[] {
  return Array.from({ length: data.length }, (_, i) => Number(data[i]));
}

/** |a - b|; 0 for equal infinities, infinite for a NaN. */
function gap(a: number, b: number): number {
  if (a === b) return 0;
  const size = Math.abs(a - b);
  return Number.isNaN(size) ? Number.POSITIVE_INFINITY : size;
}

function over(size: number, scale: number): number {
  return size === 0 ? 0 : size / scale;
}

function largestOf(values: readonly number[]): number {
  return values.reduce((a, b) => Math.max(a, b), 0);
}

/** Collects the comparisons of a case; every expected tensor must be compared. */
export class Comparisons {
  readonly done: Comparison[] = [];
  private readonly seen = new Set<string>();
  private readonly zeros = new Map<string, Tolerance>();
  private readonly fixture: Fixture;

  constructor(fixture: Fixture) {
    this.fixture = fixture;
  }

  /** Whether the case expects a tensor of that name. */
  expects(name: string): boolean {
    return this.fixture.expected.has(name);
  }

  /**
   * Holds a value, in the reference's layout, to the expected tensor of that name; a name that the
   * case does not expect is passed over.
   * @param from the value before the step: then the update is compared too
   */
  add(name: string, actual: HostArray, from?: HostArray): void {
    const expected = this.fixture.expected.get(name);
    if (expected === undefined) return;
    this.seen.add(name);
    // Scalars are stored with shape [1].
    if (actual.data.length !== expected.data.length || !sameShape(actual, expected)) {
      this.fail(name, `found shape [${actual.shape}], expected [${expected.shape}]`);
      return;
    }
    const integers = expected.data instanceof BigInt64Array || expected.data instanceof Int32Array;
    const tolerance = integers ? EXACT : this.tolerance(name);
    this.done.push({ name, ...distance(actual.data, expected.data, tolerance) });
    if (from !== undefined && !integers && !this.isNoise(name)) {
      const theirs = this.before(name) ?? from;
      const update = ({ data }: HostArray, { data: start }: HostArray) =>
        numbers(data).map((value, i) => value - Number(start[i]));
      // Each side rounds the parameter once, by half a unit in the last place of its float32.
      const ulp = (i: number) => Math.abs(Number(from.data[i])) * 2 ** -23;
      const error = distance(update(actual, from), update(expected, theirs), UPDATE, ulp);
      this.done.push({ name: name.replace('.state.', '.update.'), ...error });
    }
  }

  /**
   * The reference's own value before a step. Its update taken from ours instead would hold the
   * difference of all steps so far, which is everything where a parameter stands still.
   */
  private before(name: string): HostArray | undefined {
    const [, rank = '', step, rest] = /^(rank\d+\.)?step(\d+)\.state\.(.*)$/.exec(name) ?? [];
    if (step === undefined) return undefined;
    const { expected, inputs } = this.fixture;
    if (step !== '1') return expected.get(`${rank}step${Number(step) - 1}.state.${rest}`);
    const initial = [`${rank}init.${rest}`, `init.${rest}`].find((key) => inputs.includes(key));
    return initial === undefined ? undefined : this.fixture.input(initial);
  }

  /** Holds a value to one that is not among the expected tensors, e.g. an input: equal bits. */
  hold(name: string, actual: HostArray | undefined, expected: HostArray): void {
    if (actual === undefined) this.fail(name, 'there is nothing to compare with it');
    else if (!sameShape(actual, expected))
      this.fail(name, `found shape [${actual.shape}], expected [${expected.shape}]`);
    else this.done.push({ name, ...distance(actual.data, expected.data, EXACT) });
  }

  /** Holds what is no tensor, e.g. names, to what the description has: they are to be equal. */
  same(name: string, actual: unknown, expected: unknown): void {
    if (isDeepStrictEqual(actual, expected)) this.done.push({ name, error: 0, ratio: 0 });
    else this.fail(name, 'differs from what the description has');
  }

  /** What the reference says of itself, e.g. how far its runs are apart: used, not compared. */
  use(name: string): HostArray | undefined {
    this.seen.add(name);
    return this.fixture.expected.get(name);
  }

  /**
   * As `add`, by a bound that is not the one of the name's group. Where both are NaN, they agree.
   * @param slack allowed of an element besides
   */
  addWithin(
    name: string,
    actual: HostArray,
    tolerance: Tolerance,
    slack: (i: number) => number = () => 0,
  ): void {
    const expected = this.fixture.expected.get(name);
    if (expected === undefined) return;
    this.seen.add(name);
    if (!sameShape(actual, expected)) {
      this.fail(name, `found shape [${actual.shape}], expected [${expected.shape}]`);
      return;
    }
    const [own, theirs] = [numbers(actual.data), numbers(expected.data)];
    const both = (i: number) => Number.isNaN(own[i]) && Number.isNaN(theirs[i]);
    const agreed = (values: readonly number[]) => values.map((x, i) => (both(i) ? 0 : x));
    this.done.push({ name, ...distance(agreed(own), agreed(theirs), tolerance, slack) });
  }

  /** As `add`, with the nearest of several values that the name may stand for. */
  addNearest(name: string, candidates: readonly HostArray[]): void {
    const expected = this.fixture.expected.get(name);
    const tolerance = this.tolerance(name);
    const ratioOf = (value: HostArray) =>
      distance(value.data, expected?.data ?? [], tolerance).ratio;
    const [nearest] = [...candidates].sort((a, b) => ratioOf(a) - ratioOf(b));
    if (nearest !== undefined) this.add(name, nearest);
  }

  /** What was compared so far, to be told to another process. */
  told(): Told {
    const text = (value: number) => String(value); // JSON has no infinity
    const done = this.done.map((one) => ({
      ...one,
      error: text(one.error),
      ratio: text(one.ratio),
    }));
    return { done, seen: [...this.seen] };
  }

  /** Takes in what another process compared of the same case. Of what both did, the worse counts. */
  hear({ done, seen }: Told): void {
    for (const name of seen) this.seen.add(name);
    for (const { error, ratio, ...one } of done) {
      const theirs = { ...one, error: Number(error), ratio: Number(ratio) };
      const place = this.done.findIndex(({ name }) => name === one.name);
      if (place < 0) this.done.push(theirs);
      else if (!((this.done[place]?.ratio ?? 0) >= theirs.ratio)) this.done[place] = theirs;
    }
  }

  /** Fails every expected tensor that nothing was compared with. */
  finish(): readonly Comparison[] {
    for (const name of this.fixture.expected.keys())
      if (!this.seen.has(name)) this.fail(name, 'nothing here corresponds to it');
    return this.done;
  }

  private fail(name: string, problem: string): void {
    const infinite = Number.POSITIVE_INFINITY;
    this.done.push({ name, error: infinite, ratio: infinite, problem });
  }

  private isNoise(name: string): boolean {
    return this.fixture.zeroGradients.has(name.replace(/^.*?\.(state|grad|local_grad)\./, ''));
  }

  /** Rounding is as large as what was rounded: in units of the step's largest gradient, if that is above 1. */
  private zero(name: string): Tolerance {
    const [step = ''] = /step\d+\./.exec(name) ?? [];
    const known = this.zeros.get(step);
    if (known !== undefined) return known;
    let largest = 1;
    for (const [key, { data }] of this.fixture.expected)
      if (key.includes(step) && /\.(local_)?grad\./.test(key))
        largest = Math.max(largest, largestOf(numbers(data).map(Math.abs)));
    const made = { ...ZERO, value: ZERO.value * largest };
    this.zeros.set(step, made);
    return made;
  }

  /**
   * What a bound is named by: the whole name without its step, or the last of its parts that has one of its own, as
   * `boxes` of `out.image0.boxes`. Shares of pixels are for bitmaps.
   */
  private closest(name: string, group: string): string {
    const { tolerances, expected } = this.fixture;
    if (group !== 'out' && Object.hasOwn(tolerances, group)) return group;
    const bitmap = expected.get(name)?.data instanceof Uint8Array;
    const parts = name.split('.').reverse();
    const fits = (part: string) =>
      Object.hasOwn(tolerances, part) &&
      (bitmap || tolerances[part]?.kind !== 'fraction_of_pixels');
    return parts.find(fits) ?? group;
  }

  private tolerance(name: string): Tolerance {
    const { tolerances } = this.fixture;
    const group = groupOf(name);
    if (group === 'grad' && this.isNoise(name)) return this.zero(name);
    const own = /^(loss|grad|state)$/.test(group) ? group : this.closest(name, group);
    const found = tolerances[own] ?? tolerances.all ?? tolerances.floats ?? tolerances.others;
    return found ?? EXACT;
  }
}

function sameShape(a: HostArray, b: HostArray): boolean {
  const core = ({ shape }: HostArray) => String(shape.length === 0 ? [1] : shape);
  return core(a) === core(b);
}

/** `step1.out.loss` → loss, `rank0.step1.local_grad.P` → grad. */
function groupOf(name: string): string {
  const rest = name.replace(/^rank\d+\./, '').replace(/^step\d+\./, '');
  if (/^out\.loss(\.|$)/.test(rest)) return 'loss';
  if (/^(grad|grad_wrt|local_grad)\./.test(rest)) return 'grad';
  return /^(out|state)\./.exec(rest)?.[1] ?? rest;
}
