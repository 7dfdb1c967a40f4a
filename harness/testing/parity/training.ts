import { z } from 'zod';
import { UserError } from '../../base/errors.ts';
import { learningRate } from '../../optim/schedule.ts';
import type { Fixture } from './fixture.ts';
import { lrConfig, scheduleOf } from './lr_config.ts';
import { gradClip, optimizerConfig, optimizerOf } from './optimizer_config.ts';
import type { MethodSpecs } from './reading.ts';
import { unsupported } from './unsupported.ts';

const count = z.int().positive();

/** Of the reference's optimizer hook. */
const hook = {
  update_interval: count.nullish(),
  grad_clip: gradClip.nullish(),
  use_fp16: z.boolean().nullish(),
};

/** How a case learns, whatever its model. */
export const learning = {
  batch: count,
  steps: count,
  optimizer: optimizerConfig,
  optimizer_config: z.looseObject(hook).nullish(),
  ...hook,
  lr_config: lrConfig.nullish(),
  lr_of_each_step: z.array(z.number()).nullish(),
  epochs: count.nullish(),
  iters_per_epoch: count.nullish(),
};

/** Hyper-parameters that every method's case has; `hyperParameters` adds them to a method's own. */
const common = { depth: z.int().optional(), width: z.int().optional(), size: count, ...learning };

/**
 * The hyper-parameters of a method's cases. What is not known there are facts about the inputs, which the
 * tensors hold anyway; what the model is built from is in `model`, where nothing is passed over.
 */
export function hyperParameters<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.looseObject({ ...common, ...shape });
}

type Learning = z.output<z.ZodObject<typeof learning>>;
type Specs<Part extends keyof MethodSpecs> = Pick<MethodSpecs, Part>;

/** What of a method's specs says how the case trains. @throws UserError for what the harness has not. */
export function trainingOf(
  fixture: Fixture,
  parameters: Learning & Specs<'size'>,
): Specs<'batch' | 'size' | 'steps' | 'optimizer' | 'accumulate' | 'rates'> {
  const { batch, size, steps } = parameters;
  return { batch, size, steps, ...learningOf(fixture, parameters) };
}

/** @throws UserError for what the harness has not. */
export function learningOf(
  fixture: Fixture,
  parameters: Learning,
): Specs<'optimizer' | 'accumulate' | 'rates'> {
  const { accumulate, clip } = hookOf(parameters);
  const optimizer = optimizerOf(fixture, parameters.optimizer, clip);
  const rates = ratesOf(parameters, optimizer.lr);
  return { optimizer, accumulate, ...(rates ? { rates } : {}) };
}

/** What the reference's optimizer hook is told, by itself or under `optimizer_config`. */
export function hookOf({
  optimizer_config: outer,
  ...own
}: Partial<Pick<Learning, keyof typeof hook | 'optimizer_config'>>) {
  if (own.use_fp16 || outer?.use_fp16)
    throw unsupported(
      'use_fp16',
      'it is apex O1 with a loss scale that moves; cases are compared in float32',
    );
  return {
    accumulate: own.update_interval ?? outer?.update_interval ?? 1,
    clip: own.grad_clip ?? outer?.grad_clip,
  };
}

/** The rate of every step, where it is not always the optimizer's. */
function ratesOf(
  { lr_of_each_step, lr_config, ...run }: Learning,
  base: number,
): readonly number[] | undefined {
  if (lr_of_each_step) return lr_of_each_step;
  if (!lr_config) return undefined;
  const schedule = scheduleOf(lr_config);
  const { epochs, iters_per_epoch: stepsPerEpoch, steps } = run;
  if (!epochs || !stepsPerEpoch)
    throw new UserError(
      'hyper_parameters.lr_config: a schedule needs epochs and iters_per_epoch beside it',
    );
  return Array.from({ length: steps }, (_, step) =>
    learningRate(schedule, base, { step, stepsPerEpoch, epochs }),
  );
}
