import type { Item } from './flow.ts';

/** Between two values that are kept: what is made again together. */
interface Segment {
  readonly weight: number;
  readonly first: number;
  readonly last: number;
}

/**
 * Which values of a part to keep so that it takes the least memory to make the others again. Candidates are those
 * beside which no other large value is needed further on: between two of them everything is made again at once. Where
 * gradients take the values of such a segment before and after parts meet, all parts hold theirs at the same time.
 * @param own the items of one part's way there, each after what it takes
 * @param weights bytes of each; 0 for what is small or kept anyway
 * @param used the first and last level at which gradients take an item
 */
export function chosenCuts(
  own: readonly Item[],
  weights: readonly number[],
  used: ReadonlyMap<Item, readonly [number, number]>,
  parts: number,
): Item[] {
  const until = lastUses(own);
  const far = spanning(weights, until);
  const cuts = candidates(weights, until, far);
  const bounds = [-1, ...cuts, own.length];
  const pieces = bounds.slice(1).map((end, i) => segment(own, weights, used, bounds[i] ?? -1, end));
  const singles = cuts.map((cut) => segment(own, weights, used, cut - 1, cut + 1));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let best: { readonly bytes: number; readonly chosen: readonly number[] } | undefined;
  for (let limit = total * parts; limit > total / LEAST; limit /= STEP) {
    const found = within(limit, cuts, pieces, singles, parts);
    if (best === undefined || found.bytes < best.bytes) best = found;
  }
  return [...far, ...(best?.chosen ?? [])].flatMap((place) => own[place] ?? []);
}

const STEP = 1.25;
const LEAST = 1000;

/** By place, where an item is taken last on the way there. */
function lastUses(own: readonly Item[]): number[] {
  const places = new Map(own.map((item, place) => [item, place]));
  const until = own.map((_, place) => place);
  own.forEach(({ inputs }, place) => {
    for (const { item } of inputs) {
      const source = places.get(item);
      if (source !== undefined) until[source] = Math.max(until[source] ?? 0, place);
    }
  });
  return until;
}

/** A value that is taken again after more than this share of all others is kept, whatever it costs. */
const FAR = 1 / 4;

/** Places of values that stand beside a large part of the way there, such as images that a second network takes too. */
function spanning(weights: readonly number[], until: readonly number[]): ReadonlySet<number> {
  let sum = 0;
  const before = weights.map((weight) => {
    sum += weight;
    return sum;
  });
  return new Set(
    weights.flatMap((weight, place) => {
      const between = (before[(until[place] ?? 0) - 1] ?? 0) - (before[place] ?? 0);
      return weight > 0 && between > sum * FAR ? [place] : [];
    }),
  );
}

/** Places of items that are, once they are there, the only large value that is still to be taken on the way there. */
function candidates(
  weights: readonly number[],
  until: readonly number[],
  far: ReadonlySet<number>,
): number[] {
  const cuts: number[] = [];
  let furthest = 0; // of large values before this place
  weights.forEach((weight, place) => {
    if (weight === 0 || far.has(place)) return;
    if (furthest <= place && (until[place] ?? 0) > place) cuts.push(place);
    furthest = Math.max(furthest, until[place] ?? 0);
  });
  return cuts;
}

function segment(
  own: readonly Item[],
  weights: readonly number[],
  used: ReadonlyMap<Item, readonly [number, number]>,
  from: number,
  to: number,
): Segment {
  let [weight, first, last] = [0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let place = from + 1; place < to; place++) {
    const item = own[place];
    const levels = item === undefined ? undefined : used.get(item);
    weight += weights[place] ?? 0;
    if (levels === undefined || (weights[place] ?? 0) === 0) continue;
    first = Math.min(first, levels[0]);
    last = Math.max(last, levels[1]);
  }
  return { weight, first, last };
}

function joined(...pieces: readonly Segment[]): Segment {
  return {
    weight: pieces.reduce((sum, { weight }) => sum + weight, 0),
    first: Math.min(...pieces.map(({ first }) => first)),
    last: Math.max(...pieces.map(({ last }) => last)),
  };
}

/** As few cuts as keep every segment under a limit, where single pieces are. */
function within(
  limit: number,
  cuts: readonly number[],
  pieces: readonly Segment[],
  singles: readonly Segment[],
  parts: number,
): { readonly bytes: number; readonly chosen: readonly number[] } {
  const cost = ({ weight, first, last }: Segment) => weight * (last > first ? parts : 1);
  const chosen: number[] = [];
  let [kept, most] = [0, 0];
  let [open] = pieces;
  cuts.forEach((cut, i) => {
    const [single, next] = [singles[i], pieces[i + 1]];
    if (open === undefined || single === undefined || next === undefined) return;
    const both = joined(open, single, next);
    if (cost(both) <= limit) {
      open = both;
      return;
    }
    chosen.push(cut);
    kept += single.weight * parts;
    most = Math.max(most, cost(open));
    open = next;
  });
  return { bytes: kept + Math.max(most, open === undefined ? 0 : cost(open)), chosen };
}
