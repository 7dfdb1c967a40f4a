import { ScheduleSpec } from '../../harness/optim/schedule_spec.ts';
import type { OptimizerSpec } from '../../harness/optim/spec.ts';
import { OptimizerSpec as Optimizer } from '../../harness/optim/spec.ts';

export interface SolverSpec {
  /** For 16 pictures a step. */
  readonly lr: number;
  readonly momentum: number;
  /** Of weights and biases; norms are not decayed. */
  readonly weightDecay: number;
  /** Iterations of linear warm-up, and the share of the rate that it begins with. */
  readonly warmup: { readonly iterations: number; readonly factor: number };
  /** Iterations, counted from 0, from which on the rate is a tenth of what it was. */
  readonly steps: readonly number[];
}

/** PyTorch's SGD on every layer at one rate (docs/reference/detection.md, section 12). */
export function optimizerOf({ lr, momentum, weightDecay }: SolverSpec): OptimizerSpec {
  const rules = [{ match: '\\.norm\\.', weightDecay: 0 }];
  return Optimizer.parse({ kind: 'sgd', lr, momentum, weightDecay, rules });
}

/** The rate over iterations: rate * (factor (1 - i / n) + i / n) during warm-up, and the steps. */
export function scheduleOf({ warmup, steps }: SolverSpec): ScheduleSpec {
  const { iterations, factor } = warmup;
  return ScheduleSpec.parse({
    kind: 'step',
    per: 'step',
    milestones: [...steps],
    gamma: 0.1,
    ...(iterations > 0 ? { warmup: { iterations, ratio: factor, kind: 'linear' } } : {}),
  });
}
