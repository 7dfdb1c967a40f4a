import { canonicalJson, UserError } from '../base/index.ts';
import type { Tensors } from '../step/learner.ts';
import type { BenchmarkOptions } from './options.ts';
import { type OpenedWeights, perturbedWeights, randomWeights } from './weights.ts';

/** The weights that a run judges. @throws UserError where they are not those of its experiment */
export function weightsOf({
  experiment,
  weights,
  perturbation,
}: Pick<BenchmarkOptions, 'experiment' | 'weights' | 'perturbation'>): Tensors {
  const { backbone, seed } = experiment;
  checkWeights(experiment, weights);
  const tensors = weights?.tensors ?? randomWeights(backbone, seed);
  return perturbation === undefined ? tensors : perturbedWeights(tensors, backbone, perturbation);
}

export function checkWeights(
  { weights: named, backbone }: BenchmarkOptions['experiment'],
  given: OpenedWeights | undefined,
): void {
  if (named.kind === 'random') {
    if (given !== undefined) throw new Error('benchmark: random weights and a file');
    return;
  }
  if (given === undefined)
    throw new UserError(`the benchmark is of weights of SHA-256 ${named.sha256}; name their file`);
  if (given.sha256 !== named.sha256 || given.prefix !== named.prefix)
    throw new UserError(
      `${given.file} is not what the benchmark is of: SHA-256 ${given.sha256} under "${given.prefix}", ` +
        `expected ${named.sha256} under "${named.prefix}"`,
    );
  if (canonicalJson(given.backbone) !== canonicalJson(backbone))
    throw new UserError(
      `backbone: ${given.file} holds ${canonicalJson(given.backbone)}, and the benchmark asks for ` +
        `${canonicalJson(backbone)}; leave --set backbone out where weights are from a file`,
    );
}
