import { UserError } from '../../base/errors.ts';
import { stream } from '../../random/stream.ts';

/** Sizes by name, as one run or one trace has them. */
export type Sizes = Readonly<Record<string, number>>;

/** A size that may be another one in each run, within bounds. */
export interface SizeRange {
  readonly least: number;
  readonly most: number;
  /**
   * Its place among the sizes of all processes, where entries of others have sizes that this one has not: it is traced
   * at the same sizes in each of them then, so that `bySize` decides alike. Its own place unless given.
   */
  readonly place?: number;
}

/** One that a run is told, or one that follows from those before it. */
export type SizeSpec = SizeRange | ((sizes: Sizes) => number);
export type SizeSpecs = Readonly<Record<string, SizeSpec>>;

/**
 * Where in its range a size lies in each trace. The first one decides what may be decided by size (`bySize`); both ends
 * are there, so that what all traces have in common holds in between.
 */
const PLACES = [0.6, 0, 1, 0.3] as const;

/**
 * What -size is modulo 32 in each trace: its bit k is the parity of ceil(size / 2^k), which is to be 0 and 1. Each size
 * has some bits the other way round, so that no two of a small range are one in all traces.
 */
const PARITIES = [0b01010, 0b10101, 0b00110, 0b11001] as const;
const CYCLE = 32;
/** Odd, so that it comes to every number below `CYCLE`. */
const STEP = 11;

/** The sizes that an entry is traced at. */
export function tracedSizes(specs: SizeSpecs): Sizes[] {
  return PLACES.map((_, trace) => {
    let order = 0;
    return completed(specs, (_, range) => placed(range, trace, range.place ?? order++));
  });
}

/** Sizes from this one on are drawn towards the middle of their range, each by a share of its own up to `INWARD`. */
const FEW = 4;
const INWARD = 0.7;
const MIDDLE = 0.5;
/** One by which the sizes of sixteen replicas are told apart. */
const SEED = 0;

/** A size near its place in the range, whose parities are those of the trace where the range has room for them. */
function placed({ least, most }: SizeRange, trace: number, order: number): number {
  // Each size is at another place than the one before it, so that they do not grow together.
  const turn = (trace + 2 * order + Math.floor(order / CYCLE)) % PLACES.length;
  const place = PLACES[turn] ?? 0;
  // Many sizes would grow together all the same, so that halves of one are those of another.
  const inward = order < FEW ? 0 : INWARD * stream(SEED, 'traced sizes', order, trace).uniform();
  const near = Math.round(least + (place + inward * (MIDDLE - place)) * (most - least));
  const parities = (PARITIES[trace] ?? 0) ^ ((order * STEP) % CYCLE);
  const away = (near + parities) % CYCLE;
  const up = away === 0 ? near : near + CYCLE - away;
  return [up, up - CYCLE].find((size) => size >= least && size <= most) ?? near;
}

/**
 * The sizes of a run, with those that follow from others.
 * @param found sizes that the run finds out itself: none is told
 * @throws UserError for one that is missing, unknown or out of bounds.
 */
export function checkedSizes(
  entry: string,
  specs: SizeSpecs,
  given: Sizes,
  found: ReadonlySet<string>,
): Sizes {
  const told = Object.keys(specs).filter((name) => isTold(specs, name) && !found.has(name));
  for (const name of Object.keys(given))
    if (!told.includes(name))
      throw new UserError(
        `${entry}: size '${name}' is not one to be told; there are: ${told.join(', ') || 'none'}`,
      );
  return completed(specs, (name, { least, most }) => {
    if (found.has(name)) return least; // nothing that the host makes depends on it
    const size = given[name];
    if (size === undefined || !Number.isInteger(size) || size < least || size > most)
      throw new UserError(
        `${entry}: size '${name}' is ${size}; expected an integer from ${least} to ${most}, the bounds that the entry was defined with`,
      );
    return size;
  });
}

function isTold(specs: SizeSpecs, name: string): boolean {
  return typeof specs[name] === 'object';
}

function completed(specs: SizeSpecs, told: (name: string, range: SizeRange) => number): Sizes {
  const sizes: Record<string, number> = {};
  for (const [name, spec] of Object.entries(specs))
    sizes[name] = typeof spec === 'function' ? spec(sizes) : told(name, spec);
  return sizes;
}
