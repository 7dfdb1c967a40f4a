import { UserError } from '../base/errors.ts';
import { cos, pow } from '../random/elementary.ts';
import type { ScheduleSpec } from './schedule_spec.ts';

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
 * @throws UserError for cycles that are shorter than a step
 */
export function learningRate(spec: ScheduleSpec, base: number, at: Position): number {
  return regular(spec, base, at) * warmup(spec, at);
}

type Kind<Name extends ScheduleSpec['kind']> = Extract<ScheduleSpec, { readonly kind: Name }>;

function regular(spec: ScheduleSpec, base: number, { step, stepsPerEpoch, epochs }: Position) {
  const now = spec.per === 'epoch' ? Math.floor(step / stepsPerEpoch) : step;
  const all = spec.per === 'epoch' ? epochs : epochs * stepsPerEpoch;
  switch (spec.kind) {
    case 'constant':
      return base;
    case 'cosine': {
      const share = shareOf(spec, { step, stepsPerEpoch, epochs });
      const end = spec.minLrRatio === undefined ? spec.minLr : base * spec.minLrRatio;
      return end + 0.5 * (base - end) * (cos(Math.PI * share) + 1);
    }
    case 'step': {
      if (spec.every !== undefined) return base * pow(spec.gamma, Math.floor(now / spec.every));
      const passed = (spec.milestones ?? []).filter((milestone) => milestone <= now);
      return passed.reduce((rate) => rate * spec.gamma, base);
    }
    case 'exp':
      return base * pow(spec.gamma, now);
    case 'poly':
      return spec.minLr + (base - spec.minLr) * pow(1 - now / all, spec.power);
    case 'inv':
      return base * pow(1 + spec.gamma * now, -spec.power);
    case 'cyclic':
      return base * cycled(spec, now, all);
  }
}

/** How far along the half cosine, 0 to 1. */
function shareOf(spec: Kind<'cosine'>, { step, stepsPerEpoch, epochs }: Position): number {
  const begin = spec.from === 'start' ? 0 : warmupSteps(spec, stepsPerEpoch);
  const [passed, all] = [Math.max(0, step - begin), epochs * stepsPerEpoch - begin];
  if (all <= 0) return 0;
  return spec.per === 'step'
    ? passed / all
    : Math.floor(passed / stepsPerEpoch) / (all / stepsPerEpoch);
}

/** The rate over the base rate. Steps that are left over behind the last cycle begin another one. */
function cycled({ targets: [top, end], times, up }: Kind<'cyclic'>, now: number, all: number) {
  const length = Math.floor(all / times);
  if (length < 1)
    throw new UserError(`schedule.times: ${times} cycles, but training has ${all} steps`);
  const [rise, at] = [Math.floor(up * length), now % length];
  const [from, to, share] =
    at < rise ? [1, top, at / rise] : [top, end, (at - rise) / (length - rise)];
  return to + 0.5 * (from - to) * (cos(Math.PI * share) + 1);
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
