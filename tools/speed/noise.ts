import type { Batch } from '../../harness/data/loader/batch.ts';
import type { BoundMethod, Experiment } from '../../harness/experiment/index.ts';
import { stream } from '../../harness/random/stream.ts';

const CHANNELS = 3; // of an image
const LABELS = 10;

/** The same images of noise at every step, without end. */
export async function* noise(
  { batch, data, seed }: Experiment,
  { views: count, draws, labels, chance }: BoundMethod,
): AsyncGenerator<Batch, never> {
  const from = stream(seed, 'perf');
  const pixels = () =>
    Uint8Array.from({ length: batch * data.size ** 2 * CHANNELS }, () => 256 * from.uniform());
  const views = Array.from({ length: count }, pixels);
  const indices = Int32Array.from({ length: batch }, (_, i) => i);
  for (;;)
    yield {
      views,
      indices,
      draws: Object.fromEntries(draws.map((name) => [name, from.permutation(batch)] as const)),
      ...(labels ? { labels: indices.map((i) => i % LABELS) } : {}),
      ...(chance ? { chance: Int32Array.of(from.int(0, 2 ** 30), 1) } : {}),
    };
}
