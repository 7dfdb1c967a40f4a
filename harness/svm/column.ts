/**
 * One machine among many: 0.5 |w, b|² + sum of c_i max(0, 1 - y_i f(x_i))², with w the sum of
 * coefficients times rows. All vectors are [n], the rows of its group.
 */
export interface Column {
  readonly group: number;
  /** 1, -1, or 0 for rows that it is not fitted to. */
  readonly labels: Int8Array;
  /** 1 / (2 c_i). */
  readonly slack: Float64Array;
  readonly coefficients: Float64Array;
  /** Decision values f of all rows, those that it is not fitted to included. */
  readonly decisions: Float64Array;
  readonly search: Search;
  readonly state: Progress;
}

/** Memory of the search for the next coefficients. */
export interface Search {
  /** 1 where a row lies within the margin, and its loss counts. */
  readonly active: Uint8Array;
  /** Change of the coefficients, and of the decisions by it. */
  readonly change: Float64Array;
  readonly moved: Float64Array;
  /** What is left of the linear system, and the direction of conjugate gradients. */
  readonly residual: Float64Array;
  readonly direction: Float64Array;
}

export interface Progress {
  objective: number;
  /** The objective is at most so much above the lowest one. */
  gap: number;
  /** The residual in its norm, with the system's diagonal as preconditioner. */
  norm: number;
  /** Bound of the gap that the linear system alone leaves. */
  target: number;
  /** The decisions are the float64 products of the coefficients. */
  exact: boolean;
  /** Products have to be in float64, because those in float32 led nowhere. */
  wide: boolean;
}

export function newColumn(group: number, labels: Int8Array): Column {
  const vector = () => new Float64Array(labels.length);
  return {
    group,
    labels,
    slack: vector(),
    coefficients: vector(),
    decisions: vector(),
    search: {
      active: new Uint8Array(labels.length),
      change: vector(),
      moved: vector(),
      residual: vector(),
      direction: vector(),
    },
    state: {
      objective: 0,
      gap: Number.POSITIVE_INFINITY,
      norm: 0,
      target: 0,
      exact: true,
      wide: false,
    },
  };
}

/** C and the weight of each label's errors. */
export interface Penalty {
  readonly cost: number;
  readonly positive: number;
  readonly negative: number;
}

export function setPenalty({ labels, slack }: Column, penalty: Penalty): void {
  const { cost, positive, negative } = penalty;
  for (let i = 0; i < labels.length; i++) {
    const weight = (labels[i] ?? 0) > 0 ? positive : negative;
    slack[i] = 1 / (2 * cost * weight);
  }
}

/**
 * Given exact decisions: objective, gap and active rows. The gap is that between the objective and its
 * dual, in a form in which nothing cancels: an active row adds (1 - y f - s y β)² / 2s, s its slack and
 * β its coefficient, another one y β (y f - 1) + s β² / 2.
 */
export function judge({ labels, slack, coefficients, decisions, search, state }: Column): void {
  let [gap, objective] = [0, 0];
  for (let i = 0; i < labels.length; i++) {
    const y = labels[i] ?? 0;
    if (y === 0) continue;
    const s = slack[i] ?? 0;
    const b = coefficients[i] ?? 0;
    const f = decisions[i] ?? 0;
    const short = 1 - y * f;
    const inside = short > 0;
    objective += 0.5 * b * f + (inside ? short ** 2 / (2 * s) : 0);
    gap += inside ? (short - s * y * b) ** 2 / (2 * s) : Math.abs(b * short) + 0.5 * s * b * b;
    search.active[i] = inside ? 1 : 0;
  }
  state.gap = gap;
  state.objective = objective;
}
