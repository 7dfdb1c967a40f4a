import type { BoundMethod, Experiment } from '../experiment/index.ts';
import { learningRate } from '../optim/schedule.ts';

/** What the host decides for one micro-step. */
export interface StepPlan {
  /** Micro-steps before this one, over all epochs. */
  readonly step: number;
  readonly rate: number;
  /** Whether the optimiser moves: at the last of each `accumulate` micro-steps. */
  readonly moves: boolean;
  /** The method's own numbers, by name. */
  readonly scalars: Readonly<Record<string, number>>;
}

/**
 * The count of micro-steps runs over all epochs, so a window of accumulated gradients may straddle two
 * (docs/reference/methods.md, section 3.5).
 * @param step micro-steps before this one
 */
export function planStep(
  { schedule, optimizer, epochs, accumulate }: Experiment,
  method: Pick<BoundMethod, 'scalars'>,
  { step, stepsPerEpoch }: { readonly step: number; readonly stepsPerEpoch: number },
): StepPlan {
  return {
    step,
    rate: learningRate(schedule, optimizer.lr, { step, stepsPerEpoch, epochs }),
    moves: (step + 1) % accumulate === 0,
    scalars: method.scalars({ step, steps: epochs * stepsPerEpoch }),
  };
}
