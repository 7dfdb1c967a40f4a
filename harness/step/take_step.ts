import type { Batch } from '../data/loader/batch.ts';
import type { Host, Metrics, StepAt } from '../experiment/index.ts';
import { checkedScale } from '../optim/loss_scale.ts';
import type { Learner } from './learner.ts';
import type { StepPlan } from './plan.ts';
import { runStep } from './step.ts';

/**
 * Runs one micro-step as it is planned, with the method's work after it.
 * @param place of the step in its epoch
 * @returns loss and metrics
 * @throws UserError where no update was made for long, as gradients were not finite at any loss scale.
 */
export async function takeStep(
  { program, definition }: Learner,
  host: Host,
  batch: Batch,
  { step, rate, moves, scalars }: StepPlan,
  place: Pick<StepAt, 'epoch' | 'epochStep'>,
): Promise<Metrics> {
  const outputs = await runStep(program, batch, { rate: moves ? rate : undefined, scalars });
  const values = Object.entries(outputs).map(
    ([name, { data }]) => [name, Number(data[0])] as const,
  );
  const metrics = checkedScale(Object.fromEntries(values));
  const sound = values.every(([, value]) => Number.isFinite(value)); // else the run ends here
  const { afterStep } = definition.method;
  if (afterStep === undefined || !sound) return metrics;
  return {
    ...metrics,
    ...(await afterStep(host, { step, ...place, images: batch.indices.length, outputs })),
  };
}
