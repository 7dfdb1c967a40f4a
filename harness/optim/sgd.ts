import type { Io } from '../engine/program.ts';
import { decayed, descend, type ParameterStep } from './descend.ts';

/**
 * One step of torch.optim.SGD with dampening 0:
 * d = g + weightDecay w; v = momentum v + d; w -= rate v, or rate (d + momentum v) with nesterov.
 */
export function sgdStep(io: Io, nesterov: boolean, step: ParameterStep): void {
  descend(io, step, decayed(io, step), nesterov);
}
