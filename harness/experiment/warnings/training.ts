import { momentumOf } from '../../optim/spec.ts';
import type { WholeRun } from '../method.ts';
import type { Experiment } from '../spec.ts';

/** Share of a weight that its decay takes at a step, from which on little else is left of it. */
const STRONG_DECAY = 0.1;
/** Share of a run that may be lost behind its last update. */
const LARGE_TAIL = 0.1;
/** Stages of a backbone after its stem that halve the image, together. */
const STAGES = 8;

/** Optimiser, schedule, network and checkpoints over the length of a run. */
export function trainingWarnings(
  experiment: Experiment,
  run: WholeRun,
  frozenBackbone: boolean,
): string[] {
  return [
    ...optimizerWarnings(experiment, run),
    ...warmupWarnings(experiment, run),
    ...scheduleWarnings(experiment, run),
    ...networkWarnings(experiment, frozenBackbone),
    ...checkpointWarnings(experiment, run),
  ];
}

function optimizerWarnings({ optimizer }: Experiment, { accumulate, steps }: WholeRun): string[] {
  const { kind, lr, weightDecay, rules } = optimizer;
  const warnings: string[] = [];
  if (lr === 0 && rules.every((rule) => (rule.lr ?? 0) === 0))
    warnings.push('optimizer.lr: 0: no weight ever moves; use a rate above 0');
  if (accumulate > steps)
    warnings.push(
      `accumulate: ${accumulate} steps make an update, but the run has ${steps}: no weight ever moves; use fewer, or ` +
        'more epochs',
    );
  const tail = steps % accumulate;
  if (accumulate <= steps && tail > LARGE_TAIL * steps)
    warnings.push(
      `accumulate: the last ${tail} of ${steps} steps are not enough for another update of ${accumulate} and are lost; use a ` +
        'divisor of the steps',
    );
  if (momentumOf(optimizer) === 1)
    warnings.push('optimizer.momentum: 1: no gradient is ever forgotten; 0.9 is usual');
  if (kind === 'sgd' && lr * weightDecay >= STRONG_DECAY)
    warnings.push(
      `optimizer.weightDecay: ${weightDecay} at a rate of ${lr} takes ${percent(lr * weightDecay)} of every weight at ` +
        'every step; 1e-4 is usual',
    );
  return warnings;
}

function warmupWarnings({ schedule, epochs }: Experiment, { steps }: WholeRun): string[] {
  const { epochs: long = 0, iterations } = schedule.warmup ?? {};
  const [name, length, whole] =
    iterations === undefined
      ? (['epochs', long, epochs] as const)
      : (['iterations', iterations, steps] as const);
  if (length === 0 || length < whole) return [];
  return [
    `schedule.warmup.${name}: the warm-up, ${length}, is not over when the run is, after ${whole}: optimizer.lr is never ` +
      'reached; use a shorter one',
  ];
}

function scheduleWarnings({ schedule, optimizer, epochs }: Experiment, run: WholeRun): string[] {
  const { lr } = optimizer;
  if (schedule.kind === 'cosine' && schedule.minLr > lr)
    return [
      `schedule.minLr: ${schedule.minLr} is more than optimizer.lr ${lr}: the rate rises; use a smaller one`,
    ];
  if (schedule.kind !== 'step') return [];
  const { milestones = [] } = schedule;
  const [end, unit] = schedule.per === 'epoch' ? [epochs, 'epochs'] : [run.steps, 'steps'];
  // A last milestone at the very end, as in some published recipes, does no harm.
  const some = milestones.some((milestone) => milestone < end);
  const late = milestones.filter((milestone) => milestone > end || !some);
  const warnings =
    late.length === 0
      ? []
      : [
          `schedule.milestones: ${late.join(', ')} ${late.length === 1 ? 'is' : 'are'} not reached in ${end} ${unit}: the ` +
            'rate stays as high as before; move them, or train longer',
        ];
  if (schedule.gamma >= 1 && milestones.length > 0)
    warnings.push(
      `schedule.gamma: ${schedule.gamma} does not lower the rate at a milestone; 0.1 is usual`,
    );
  return warnings;
}

function networkWarnings(
  { backbone, data, batch, replicas, evaluation }: Experiment,
  frozenBackbone: boolean,
): string[] {
  const { stem, frozenStages, norm, normEval } = backbone;
  const stride = (stem === 'imagenet' ? 4 : 1) * STAGES;
  const warnings: string[] = [];
  const sizes = [['data.size', data.size] as const, ['evaluation.size', evaluation?.size] as const];
  for (const [path, size] of sizes)
    if (size !== undefined && size < stride)
      warnings.push(
        `${path}: ${size} pixels are less than the backbone's stride of ${stride}: its last stage sees a single place, mostly ` +
          `padding; use larger images${stem === 'imagenet' ? ', or backbone.stem cifar' : ''}`,
      );
  if (frozenStages === 4 && !frozenBackbone)
    warnings.push(
      'backbone.frozenStages: 4: every stage is frozen, so the backbone learns nothing; use at most 3',
    );
  const alone = norm === 'sync' ? batch * replicas === 1 : batch === 1;
  if (alone && !normEval)
    warnings.push(
      `batch: 1: batch norm has the statistics of a single image; use a larger batch${norm === 'sync' ? '' : ', or backbone.norm sync over several replicas'}`,
    );
  return warnings;
}

function checkpointWarnings({ checkpoint, epochs }: Experiment, run: WholeRun): string[] {
  const { everyEpochs, everySteps } = checkpoint;
  const warnings: string[] = [];
  if (everyEpochs > epochs && everySteps === 0)
    warnings.push(
      `checkpoint.everyEpochs: ${everyEpochs}, but the run has ${epochs}: nothing is saved before it ends; use a smaller one, ` +
        'or checkpoint.everySteps',
    );
  if (everySteps >= run.stepsPerEpoch)
    warnings.push(
      `checkpoint.everySteps: ${everySteps}, but an epoch has ${run.stepsPerEpoch}: nothing is saved inside of one; use a ` +
        'smaller one',
    );
  return warnings;
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`;
}
