import { cos, pow } from '../random/elementary.ts';
import type { ScheduleSpec } from './spec.ts';

/** A place in training. With gradient accumulation all of these count micro-steps. */
export interface Position {
  /** From 0, over all epochs. */
  readonly step: number;
  readonly stepsPerEpoch: number;
  readonly epochs: number;
}

/**
 * The learning rate in force at a step, as mmcv 1.0.3 has it (methods.md 3.4): the regular rate
 * changes once an epoch, or at every step; a warm-up scales what the regular rate is by then.
 * @param base the optimiser's `lr`
 */
export function learningRate(spec: ScheduleSpec, base: number, at: Position): number {
  return regular(spec, base, at) * warmup(spec, at);
}

function regular(spec: ScheduleSpec, base: number, { step, stepsPerEpoch, epochs }: Position) {
  const byEpoch = spec.per === 'epoch';
  const now = byEpoch ? Math.floor(step / stepsPerEpoch) : step;
  if (spec.kind === 'constant') return base;
  if (spec.kind === 'cosine') {
    const share = now / (byEpoch ? epochs : epochs * stepsPerEpoch);
    return spec.minLr + 0.5 * (base - spec.minLr) * (cos(Math.PI * share) + 1);
  }
  const passed = spec.milestones.filter((milestone) => milestone <= now);
  return passed.reduce((rate) => rate * spec.gamma, base);
}

/** The share of the regular rate: below 1 during warm-up. */
function warmup({ warmup: spec }: ScheduleSpec, { step, stepsPerEpoch }: Position): number {
  if (spec === undefined) return 1;
  const length = spec.iterations ?? (spec.epochs ?? 0) * stepsPerEpoch;
  if (step >= length) return 1;
  const left = 1 - step / length;
  if (spec.kind === 'constant') return spec.ratio;
  return spec.kind === 'exp' ? pow(spec.ratio, left) : 1 - left * (1 - spec.ratio);
}
