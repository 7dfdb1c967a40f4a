import type { BenchmarkOptions } from './options.ts';

/** For people: what the weights are, beyond their hash. */
export function notesOf({ weights, perturbation }: BenchmarkOptions): Record<string, string> {
  return {
    ...(perturbation === undefined ? {} : { perturbation: String(perturbation) }),
    ...(weights?.origin === undefined
      ? {}
      : { weightsOf: weights.origin.name, weightsExperiment: weights.origin.experimentId }),
  };
}
