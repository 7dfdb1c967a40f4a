import { cos } from '../random/elementary.ts';

export interface MomentumSchedule {
  /** At the first step. */
  readonly base: number;
  /** After the last. */
  readonly end: number;
  /** Steps between two updates of the target; the momentum is renewed at those alone. */
  readonly interval: number;
}

/**
 * Momentum of a target network at a step, from `base` to `end` along half a cosine (Grill et al. 2020,
 * arXiv:2006.07733, section 3.2): end - (end - base) (cos(pi t / T) + 1) / 2.
 * @param step t, from 0; T = `steps` over the whole of training, both in micro-steps
 */
export function targetMomentum(
  { base, end, interval }: MomentumSchedule,
  step: number,
  steps: number,
): number {
  const renewed = Math.floor((step + 1) / interval) * interval - 1;
  if (renewed < 0) return base;
  return end - ((end - base) * (cos((Math.PI * renewed) / steps) + 1)) / 2;
}
