import type { Io } from '../engine/program.ts';
import { decayed, descend, type ParameterStep } from './descend.ts';

/**
 * One step of torch.optim.SGD:
 * d = g + weightDecay w; v = momentum v + (1 - dampening) d, at the first step v = d;
 * w -= rate v, or rate (d + momentum v) with nesterov.
 */
export function sgdStep(io: Io, step: ParameterStep): void {
  descend(io, step, decayed(io, step));
}
