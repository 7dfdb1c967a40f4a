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
 * The learning rate in force at a step: the regular rate changes once an epoch, or at every step; a
 * warm-up scales what the regular rate is by then. With `per: epoch` and `from: start` as mmcv 1.0.3
 * has it (docs/reference/methods.md, section 3.4).
 * @param base the optimiser's `lr`
 */
export function learningRate(spec: ScheduleSpec, base: number, at: Position): number {
  return regular(spec, base, at) * warmup(spec, at);
}

type Cosine = Extract<ScheduleSpec, { readonly kind: 'cosine' }>;

function regular(spec: ScheduleSpec, base: number, { step, stepsPerEpoch, epochs }: Position) {
  const now = spec.per === 'epoch' ? Math.floor(step / stepsPerEpoch) : step;
  if (spec.kind === 'constant') return base;
  if (spec.kind === 'cosine') {
    const share = shareOf(spec, { step, stepsPerEpoch, epochs });
    return spec.minLr + 0.5 * (base - spec.minLr) * (cos(Math.PI * share) + 1);
  }
  const passed = spec.milestones.filter((milestone) => milestone <= now);
  return passed.reduce((rate) => rate * spec.gamma, base);
}

/** How far along the half cosine, 0 to 1. */
function shareOf(spec: Cosine, { step, stepsPerEpoch, epochs }: Position): number {
  const begin = spec.from === 'start' ? 0 : warmupSteps(spec, stepsPerEpoch);
  const [passed, all] = [Math.max(0, step - begin), epochs * stepsPerEpoch - begin];
  if (all <= 0) return 0;
  return spec.per === 'step'
    ? passed / all
    : Math.floor(passed / stepsPerEpoch) / (all / stepsPerEpoch);
}

function warmupSteps({ warmup }: ScheduleSpec, stepsPerEpoch: number): number {
  return warmup?.iterations ?? (warmup?.epochs ?? 0) * stepsPerEpoch;
}

/** The share of the regular rate: below 1 during warm-up. */
function warmup(schedule: ScheduleSpec, { step, stepsPerEpoch }: Position): number {
  const { warmup: spec } = schedule;
  if (spec === undefined) return 1;
  const length = warmupSteps(schedule, stepsPerEpoch);
  if (step >= length) return 1;
  const left = 1 - step / length;
  if (spec.kind === 'constant') return spec.ratio;
  return spec.kind === 'exp' ? pow(spec.ratio, left) : 1 - left * (1 - spec.ratio);
}
