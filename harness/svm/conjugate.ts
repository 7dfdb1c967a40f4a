import type { Column } from './column.ts';
import { descends } from './line.ts';

/**
 * Newton's step on the active rows A solves (K_AA + S_A) β_A = y_A, and takes β of all other rows to 0.
 * The latter is set here. @returns whether any coefficient changes by it
 */
export function leave({ coefficients, search }: Column): boolean {
  const { active, change, moved } = search;
  let any = false;
  for (let i = 0; i < coefficients.length; i++) {
    const b = coefficients[i] ?? 0;
    const leaves = active[i] === 0 && b !== 0;
    change[i] = leaves ? -b : 0;
    if (leaves) any = true;
  }
  moved.fill(0);
  return any;
}

/**
 * Begins conjugate gradients on the active rows.
 * @param diagonal of K, [n]
 * @param accuracy the gap that the system leaves, as a share of the present one, is its square
 */
export function begin(column: Column, diagonal: Float64Array, accuracy: number): void {
  const { labels, slack, coefficients, decisions, search, state } = column;
  const { active, moved, residual, direction } = search;
  let norm = 0;
  for (let i = 0; i < labels.length; i++) {
    const s = slack[i] ?? 0;
    const left =
      active[i] === 0
        ? 0
        : (labels[i] ?? 0) - (decisions[i] ?? 0) - s * (coefficients[i] ?? 0) - (moved[i] ?? 0);
    const scaled = left / ((diagonal[i] ?? 0) + s);
    residual[i] = left;
    direction[i] = scaled;
    norm += left * scaled;
  }
  state.norm = norm;
  state.target = state.gap * accuracy ** 2;
}

/**
 * One step.
 * @param product K times the direction, [n] from `at` on
 * @returns whether the change is good enough: the system is solved as exactly as wanted, and the
 *   objective falls along the change
 */
export function advance(
  column: Column,
  diagonal: Float64Array,
  product: Float32Array | Float64Array,
  at: number,
): boolean {
  const { slack, search, state } = column;
  const { active, change, moved, residual, direction } = search;
  const curvature = along(column, product, at);
  if (!(curvature > 0)) return true;
  const step = state.norm / curvature;
  let [norm, left] = [0, 0];
  for (let i = 0; i < active.length; i++) {
    const k = product[at + i] ?? 0;
    moved[i] = (moved[i] ?? 0) + step * k;
    if (active[i] === 0) continue;
    const s = slack[i] ?? 0;
    const p = direction[i] ?? 0;
    change[i] = (change[i] ?? 0) + step * p;
    const r = (residual[i] ?? 0) - step * (k + s * p);
    residual[i] = r;
    norm += (r * r) / ((diagonal[i] ?? 0) + s);
    left += (r * r) / (2 * s);
  }
  const share = norm / state.norm;
  state.norm = norm;
  if (left <= state.target) {
    if (norm === 0 || descends(column)) return true;
    state.target /= 16;
  }
  turn(column, diagonal, share);
  return false;
}

/** <p, (K + S) p> */
function along(
  { slack, search: { active, direction } }: Column,
  product: Float32Array | Float64Array,
  at: number,
): number {
  let sum = 0;
  for (let i = 0; i < active.length; i++) {
    if (active[i] === 0) continue;
    const p = direction[i] ?? 0;
    sum += p * ((product[at + i] ?? 0) + (slack[i] ?? 0) * p);
  }
  return sum;
}

function turn({ slack, search }: Column, diagonal: Float64Array, share: number): void {
  const { active, residual, direction } = search;
  for (let i = 0; i < active.length; i++) {
    if (active[i] === 0) continue;
    const scaled = (residual[i] ?? 0) / ((diagonal[i] ?? 0) + (slack[i] ?? 0));
    direction[i] = scaled + share * (direction[i] ?? 0);
  }
}
