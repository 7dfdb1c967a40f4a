import { exp } from '../random/elementary.ts';
import { nearestRows, type SearchOptions } from './nearest_rows.ts';
import { inMemory } from './row_source.ts';
import { accuracy, classCount, type LabelledFeatures, largest } from './rows.ts';
import type { Neighbours } from './second_look.ts';

export interface KnnOptions extends SearchOptions {
  readonly temperature: number;
}

/** Whether a neighbour's vote counts by how near it is, or as one like any other. */
export type Voting = 'weighted' | 'uniform';
export const VOTINGS = ['weighted', 'uniform'] as const;

/**
 * Weighted k-NN, Wu et al. 2018, arXiv:1805.01978, section 3.4: the k nearest rows by cosine vote for
 * their classes with exp(similarity / temperature).
 * @returns share of `test` that is classified right, in percent
 */
export async function knnTop1(
  train: LabelledFeatures,
  test: LabelledFeatures,
  options: KnnOptions,
): Promise<number> {
  const near = await nearestRows(inMemory(train), inMemory(test), options);
  const classes = classCount(train.labels);
  const votes = knnVotes(near, train.labels, classes, options.temperature);
  const predictions = test.labels.map((_, row) => largest(votes, row * classes, classes));
  return accuracy(predictions, test.labels);
}

/**
 * Each class's share of the votes, float64 [M, classes]; equal shares are a tie, which goes to the
 * lower class. A weighted vote is exp(similarity / temperature), a uniform one 1. Plain sums in order of
 * rank, so the bits are the same on every machine.
 */
export function knnVotes(
  { k, indices, similarities }: Neighbours,
  labels: Int32Array,
  classes: number,
  temperature: number,
  voting: Voting = 'weighted',
): Float64Array {
  const count = indices.length / k;
  const votes = new Float64Array(count * classes);
  for (let row = 0; row < count; row++) {
    // Over the vote of the nearest: the same shares, and no overflow at small temperatures.
    const nearest = similarities[row * k] ?? 0;
    let total = 0;
    for (let rank = 0; rank < k; rank++) {
      const at = row * k + rank;
      const apart = (similarities[at] ?? 0) - nearest;
      const vote = voting === 'uniform' ? 1 : exp(apart / temperature);
      const place = row * classes + (labels[indices[at] ?? 0] ?? 0);
      votes[place] = (votes[place] ?? 0) + vote;
      total += vote;
    }
    for (let c = 0; c < classes; c++)
      votes[row * classes + c] = (votes[row * classes + c] ?? 0) / total;
  }
  return votes;
}
