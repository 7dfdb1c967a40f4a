import type { Metrics } from '../experiment/index.ts';

/**
 * Below these, embeddings have collapsed: all images look nearly alike. Measured, `docs/training.md` has
 * the values: random weights and every shipped experiment stay above them, runs that collapse do not.
 */
export const collapsed = {
  /** Of a step's embeddings, mean over an epoch: `embedding_std`, in units of 1 / sqrt(D). */
  embeddingStd: 0.1,
  /** Of frozen features: `feature_std`, in the same units. */
  featureStd: 0.01,
  /** Of frozen features: `effective_rank`, a number of dimensions. */
  effectiveRank: 2,
} as const;

/** What an epoch's metrics say about collapse; nothing where all is well. */
export function collapseWarnings(metrics: Metrics): string[] {
  const limits: readonly (readonly [string, number, string])[] = [
    ['embedding_std', collapsed.embeddingStd, 'the embeddings of a batch are nearly all the same'],
    ['feature_std', collapsed.featureStd, 'the features of all images are nearly the same'],
    ['effective_rank', collapsed.effectiveRank, 'features fill hardly more than one direction'],
  ];
  return limits.flatMap(([name, limit, meaning]) => {
    const value = metrics[name];
    if (value === undefined || value >= limit) return [];
    return `collapse: ${name} ${value.toPrecision(3)} is below ${limit}: ${meaning}`;
  });
}
