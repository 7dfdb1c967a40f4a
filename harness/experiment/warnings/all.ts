import { samplesPerReplica, stepsOf } from '../../data/loader/order.ts';
import type { BoundMethod, WholeRun } from '../method.ts';
import type { Experiment } from '../spec.ts';
import { dataWarnings } from './data.ts';
import { evaluationWarnings } from './evaluation.ts';
import type { KnownSource, KnownSources } from './known_sources.ts';
import { trainingWarnings } from './training.ts';
import { viewWarnings } from './views.ts';

/**
 * Settings that are legal and yet defeat what they are for, with these data: one sentence each, with the path, what is
 * there, and what is usual. Nothing is refused for them.
 */
export function warningsOf(
  experiment: Experiment,
  method: BoundMethod,
  sources: KnownSources,
): string[] {
  const run = wholeRun(experiment, sources.train);
  return [
    ...method.warnings(run),
    ...dataWarnings(experiment, run),
    ...viewWarnings(experiment),
    ...trainingWarnings(experiment, run, method.frozenBackbone),
    ...evaluationWarnings(experiment, sources),
  ];
}

/** Numbers that nobody knows are infinite: nothing is too large for them. */
function wholeRun(experiment: Experiment, train: KnownSource | undefined): WholeRun {
  const { replicas, batch, data, epochs, seed, accumulate } = experiment;
  const { dropLast, replacement, pipelines } = data;
  const samples = train?.count ?? Number.POSITIVE_INFINITY;
  const order = { seed, replicas, batch, dropLast, replacement };
  const passes = train === undefined ? samples : stepsOf(order, samples);
  const stepsPerEpoch = data.objects?.steps ?? passes; // of pictures without an end: as many as are asked for
  return {
    replicas,
    batch,
    dropLast,
    accumulate,
    epochs,
    pipelines,
    samples,
    images: train?.distinct ?? samples,
    classes: train?.classes,
    perReplica: train === undefined ? samples : samplesPerReplica(order, samples),
    stepsPerEpoch,
    steps: epochs * stepsPerEpoch,
  };
}
