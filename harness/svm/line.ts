import type { Column } from './column.ts';

const FLAT = 1e-3;
const MOST = 60;

/** Whether the objective falls along the change. */
export function descends(column: Column): boolean {
  return slopeAt(column, 0).slope < 0;
}

/**
 * Goes along the change to where the objective is lowest; the decisions go with it.
 * @returns how far, as a multiple of the change: 0 where the objective does not fall
 */
export function goAlong(column: Column): number {
  const { coefficients, decisions, search, state } = column;
  const far = lowest(column);
  state.exact = false;
  for (let i = 0; i < coefficients.length; i++) {
    coefficients[i] = (coefficients[i] ?? 0) + far * (search.change[i] ?? 0);
    decisions[i] = (decisions[i] ?? 0) + far * (search.moved[i] ?? 0);
  }
  return far;
}

/** Takes the best multiple of the coefficients, where the penalty is another one. */
export function rescale(column: Column): void {
  const { exact } = column.state;
  column.search.change.set(column.coefficients);
  column.search.moved.set(column.decisions);
  goAlong(column);
  column.state.exact = exact; // a multiple is as exact as what it is of
}

/** Newton's method on the slope, which rises piece by piece; halving where a step leaves the bracket. */
function lowest(column: Column): number {
  const start = slopeAt(column, 0);
  if (!(start.slope < 0 && start.curvature > 0)) return 0;
  let [low, high] = [0, Number.POSITIVE_INFINITY];
  let far = 1;
  for (let i = 0; i < MOST; i++) {
    const { slope, curvature } = slopeAt(column, far);
    if (Math.abs(slope) <= FLAT * -start.slope) return far;
    if (slope < 0) low = far;
    else high = far;
    const next = far - slope / curvature;
    far =
      next > low && next < high
        ? next
        : high < Number.POSITIVE_INFINITY
          ? (low + high) / 2
          : 2 * far;
  }
  return far;
}

/**
 * Slope and curvature of the objective along the change, `far` of it away. The slope is the sum of
 * (β - y max(0, 1 - y f) / s) over the moved decisions, the form that does not cancel near the optimum.
 */
function slopeAt({ labels, slack, coefficients, decisions, search }: Column, far: number) {
  const { change, moved } = search;
  let [slope, curvature] = [0, 0];
  for (let i = 0; i < labels.length; i++) {
    const y = labels[i] ?? 0;
    if (y === 0) continue;
    const q = moved[i] ?? 0;
    const d = change[i] ?? 0;
    const short = 1 - y * ((decisions[i] ?? 0) + far * q);
    const s = slack[i] ?? 0;
    const pull = short > 0 ? (y * short) / s : 0;
    slope += ((coefficients[i] ?? 0) + far * d - pull) * q;
    curvature += d * q + (short > 0 ? (q * q) / s : 0);
  }
  return { slope, curvature };
}
