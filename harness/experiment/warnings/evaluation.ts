import { canonicalJson } from '../../base/index.ts';
import type { SourceSpec } from '../../data/spec.ts';
import type { EvaluationSpec, Experiment } from '../spec.ts';
import type { KnownSource, KnownSources } from './known_sources.ts';

/** exp(1 / temperature) is more than a double can be below it. */
const LEAST_TEMPERATURE = 1 / 700;

/** What judges a run. */
export function evaluationWarnings(experiment: Experiment, sources: KnownSources): string[] {
  const { evaluation } = experiment;
  if (evaluation === undefined) return [];
  const [train, test] = [sources['evaluation.train'], sources['evaluation.test']];
  return [
    ...knnWarnings(evaluation, train),
    ...sizeWarnings(evaluation, train, test),
    ...sameImages(experiment, sources),
  ];
}

function knnWarnings({ knn }: EvaluationSpec, train: KnownSource | undefined): string[] {
  const warnings: string[] = [];
  if (knn === undefined) return warnings;
  const { k, temperature } = knn;
  if (train !== undefined && k > 1) {
    const { count, classes = 1 } = train;
    const most = Math.max(1, Math.floor(count / Math.max(2, classes)));
    if (k > most)
      warnings.push(
        `evaluation.knn.k: ${k} of the ${count} images of evaluation.train vote, more than ` +
          `${classes > 1 ? `the ${most} that a class has in the mean` : 'half of them'}, so most votes are of other classes; ` +
          `use at most ${most}`,
      );
  }
  if (temperature < LEAST_TEMPERATURE)
    warnings.push(
      `evaluation.knn.temperature: ${temperature}: exp(1 / temperature) is more than a number can be; 0.07 is usual`,
    );
  return warnings;
}

function sizeWarnings(
  { batch, linear }: EvaluationSpec,
  train: KnownSource | undefined,
  test: KnownSource | undefined,
): string[] {
  const warnings: string[] = [];
  if (test !== undefined && test.count < batch)
    warnings.push(
      `evaluation.test: ${test.count} images are fewer than one evaluation.batch of ${batch}, and a single one of them is ` +
        `${Number((100 / test.count).toPrecision(2))} % of an accuracy; use more test images`,
    );
  if (linear !== undefined && train !== undefined && train.count < linear.batch)
    warnings.push(
      `evaluation.linear.batch: ${linear.batch} is more than the ${train.count} images of evaluation.train: the probe takes one ` +
        `step an epoch; use at most ${Math.max(1, Math.floor(train.count / 4))}`,
    );
  if (linear?.momentum === 1)
    warnings.push('evaluation.linear.momentum: 1: no gradient is ever forgotten; 0.9 is usual');
  for (const [path, set] of [
    ['evaluation.train', train],
    ['evaluation.test', test],
  ] as const)
    if (set?.classes === 1)
      warnings.push(
        `${path}: all its ${set.count} images are of one class, so an accuracy says nothing; use images of several classes`,
      );
  return warnings;
}

/** Images that a run is judged by, and has learnt from. */
function sameImages({ data, evaluation }: Experiment, sources: KnownSources): string[] {
  if (evaluation === undefined) return [];
  const { train, test } = evaluation;
  const same = (spec: SourceSpec, use: string) => {
    const [a, b] = [sources['evaluation.test']?.sha256, sources[use]?.sha256];
    if (a !== undefined && b !== undefined) return a === b;
    return canonicalJson(spec) === canonicalJson(test);
  };
  const mend = 'use images that were kept apart';
  if (train !== undefined && same(train, 'evaluation.train'))
    return [
      `evaluation.test: its images are those of evaluation.train, so that each finds itself; ${mend}`,
    ];
  if (same(data.train, 'train'))
    return [`evaluation.test: its images are those of data.train, which the run has seen; ${mend}`];
  return [];
}
