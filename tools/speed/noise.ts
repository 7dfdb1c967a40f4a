import type { Batch } from '../../harness/data/loader/batch.ts';
import type { BoundMethod, Experiment } from '../../harness/experiment/index.ts';
import { stream } from '../../harness/random/stream.ts';

const CHANNELS = 3; // of an image
const LABELS = 10;

/** The same images of noise at every step, without end. */
export async function* noise(
  { batch, replicas, data, seed }: Experiment,
  { views: wanted, draws, labels, chance }: BoundMethod,
  processes = 1,
): AsyncGenerator<Batch, never> {
  const count = replicas * batch;
  const own = count / processes;
  const from = stream(seed, 'perf');
  const pixels = () =>
    Uint8Array.from({ length: own * data.size ** 2 * CHANNELS }, () => 256 * from.uniform());
  const views = Array.from({ length: wanted }, pixels);
  const indices = Int32Array.from({ length: count }, (_, i) => i);
  for (;;)
    yield {
      views,
      indices,
      draws: Object.fromEntries(draws.map((name) => [name, from.permutation(count)] as const)),
      ...(labels ? { labels: indices.map((i) => i % LABELS) } : {}),
      ...(chance ? { chance: Int32Array.of(from.int(0, 2 ** 30), 1) } : {}),
    };
}
