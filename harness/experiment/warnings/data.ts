import type { WholeRun } from '../method.ts';
import type { Experiment } from '../spec.ts';

/** Shares of an epoch that are left out, or come twice, without a word. */
const SMALL_SHARE = 0.25;

/** How the images of an epoch make steps. */
export function dataWarnings({ data }: Experiment, run: WholeRun): string[] {
  return [...batchWarnings(run, data.objects !== undefined), ...scaleWarnings(data)];
}

/** @param endless whether images come in an order without an end, of which an epoch is so many steps */
function batchWarnings(run: WholeRun, endless: boolean): string[] {
  const { replicas, batch, accumulate, samples, perReplica, stepsPerEpoch, steps } = run;
  const warnings: string[] = [];
  const update = replicas * batch * accumulate;
  if (update > samples && accumulate <= steps)
    warnings.push(
      `batch: an update takes ${update} images (replicas ${replicas} x batch ${batch} x accumulate ` +
        `${accumulate}), but data.train has ${samples}: each counts more than once in it; use a smaller ` +
        `${accumulate > 1 ? 'accumulate' : 'batch'}`,
    );
  if (endless) return warnings;
  const left = perReplica - stepsPerEpoch * batch;
  if (left > SMALL_SHARE * perReplica)
    warnings.push(
      `data.dropLast: an epoch leaves out ${left} of the ${perReplica} images of each replica, as no full ` +
        `batch of ${batch} is left of them; use a batch that nearly divides ${perReplica}`,
    );
  const again = perReplica * replicas - samples;
  if (again > SMALL_SHARE * samples)
    warnings.push(
      `replicas: for ${replicas} equal parts of ${samples} images an epoch takes ${again} of them twice; ` +
        'use fewer replicas',
    );
  return warnings;
}

function scaleWarnings({ mean, std }: Experiment['data']): string[] {
  const warnings: string[] = [];
  const usual =
    'pixels are scaled to 0..1 before, so ImageNet has mean [0.485, 0.456, 0.406] and std [0.229, 0.224, 0.225]';
  if (mean.some((value) => value > 1 || value < 0))
    warnings.push(`data.mean: ${JSON.stringify(mean)} is no mean of pixels: ${usual}`);
  if (std.some((value) => value > 1 || value <= 0))
    warnings.push(`data.std: ${JSON.stringify(std)} is no deviation of pixels: ${usual}`);
  return warnings;
}
