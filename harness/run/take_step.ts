import type { Batch } from '../data/batch.ts';
import type { Host, StepAt } from './host.ts';
import type { Learner } from './learner.ts';
import type { Metrics } from './log_format.ts';
import { runStep, type StepNumbers } from './step.ts';

/**
 * Runs one micro-step with the method's work after it.
 * @returns loss and metrics
 */
export async function takeStep(
  { program, definition }: Learner,
  host: Host,
  batch: Batch,
  numbers: StepNumbers,
  at: StepAt,
): Promise<Metrics> {
  const outputs = await runStep(program, batch, numbers);
  const values = Object.entries(outputs).map(
    ([name, { data }]) => [name, Number(data[0])] as const,
  );
  const metrics = Object.fromEntries(values);
  const sound = values.every(([, value]) => Number.isFinite(value)); // else the run ends here
  const { afterStep } = definition.method;
  if (afterStep === undefined || !sound) return metrics;
  return { ...metrics, ...(await afterStep(host, { ...at, outputs })) };
}
