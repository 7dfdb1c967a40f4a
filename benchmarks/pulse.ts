/** Whether a linear classifier on loaded weights is alive: docs/reference/benchmarks.md, section 6. */
import { z } from 'zod';
import type { AfterStep, Metrics } from '../harness/experiment/index.ts';
import { type Host, UserError } from '../harness/experiment/kit.ts';
import { log } from '../harness/random/elementary.ts';

export const healthSpec = z
  .strictObject({
    /** Steps after which the classifier has to have learnt something; 0: nothing is asked. */
    steps: z.int().nonnegative().default(100),
    /** How near the loss is to that of a guess, as a share of it, where nothing was learnt. */
    tolerance: z.number().positive().default(0.02),
    /** How far above a guess the accuracy has to be, in standard errors of a guess. */
    errors: z.number().nonnegative().default(3),
  })
  .readonly();
export type Health = z.output<typeof healthSpec>;

export interface PulseSetup {
  readonly classes: number;
  readonly health: Health;
}

/** What a batch shows: `dead`, a guess and the loss of one; `faint`, a guess; `alive`. */
export type Pulse = 'alive' | 'faint' | 'dead';

/**
 * @param batch mean loss, nats; share of images that are told right; images
 */
export function pulseOf(
  { classes, health: { tolerance, errors } }: PulseSetup,
  batch: { readonly loss: number; readonly accuracy: number; readonly images: number },
): Pulse {
  const chance = 1 / classes;
  const error = Math.sqrt((chance * (1 - chance)) / batch.images);
  if (batch.accuracy > chance + errors * error) return 'alive';
  const guess = log(classes);
  return Math.abs(batch.loss - guess) <= tolerance * guess ? 'dead' : 'faint';
}

/**
 * Looks at the classifier once, after `health.steps` steps. A dead load, of which the loss stays that of a guess (6.91 of
 * 1000 classes), ends a run that began with weights of a file; of random ones, which may be no better, it is told.
 * @throws UserError naming the weights.
 */
export async function pulse(
  host: Pick<Host, 'log' | 'weights'>,
  { step, outputs, images }: AfterStep,
  setup: PulseSetup,
): Promise<Metrics> {
  const { steps } = setup.health;
  if (step + 1 !== steps) return {};
  const of = (name: string) => Number(outputs[name]?.data[0]);
  const batch = { loss: of('loss'), accuracy: of('accuracy'), images };
  const found = pulseOf(setup, batch);
  const shown = `loss ${batch.loss.toFixed(2)}, accuracy ${(100 * batch.accuracy).toFixed(1)} % after ${steps} steps`;
  const guess = `a guess among ${setup.classes} classes has ${log(setup.classes).toFixed(2)} and ${(100 / setup.classes).toFixed(1)} %`;
  if (found === 'alive') host.log.info(`the classifier learns: ${shown}`);
  else if (found === 'faint' || host.weights === undefined)
    host.log.warn(
      `the classifier has learnt nothing yet: ${shown}, where ${guess}` +
        `${host.weights === undefined ? '; the weights are random' : ''}`,
    );
  else
    throw new UserError(
      `${host.weights}: a dead load: ${shown}, and ${guess}, so the features say nothing. See in the log which tensors were ` +
        'taken; name the encoder with --prefix, or take a file whose hash is the published one. If the weights are meant to ' +
        'be so, go on with --set benchmark.health.steps=0',
    );
  return {};
}
