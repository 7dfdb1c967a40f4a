import { UserError } from '../base/index.ts';
import { blockOf, type Layout } from '../cluster/layout.ts';
import type { Batch } from '../data/loader/batch.ts';
import { ObjectBatches } from '../data/objects/object_batches.ts';
import { isObjectSource, type ObjectSource } from '../data/objects/objects.ts';
import { openSource } from '../data/open_source.ts';
import type { BoundMethod, Experiment } from '../experiment/index.ts';
import { hashingProgress } from '../log/hashing.ts';
import { stream } from '../random/stream.ts';

interface ObjectBatchesOptions {
  readonly experiment: Experiment;
  readonly method: BoundMethod;
  /** Data folder. */
  readonly data: string;
  readonly layout?: Layout | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The batches of a method that looks for objects. @throws UserError where the data have none */
export async function openObjectBatches(options: ObjectBatchesOptions): Promise<ObjectBatches> {
  const { experiment, data, signal } = options;
  const onProgress = hashingProgress('data.train');
  const source = await openSource(experiment.data.train, { data, signal, onProgress });
  if (!isObjectSource(source))
    throw new UserError(
      `data.train: ${experiment.data.train.kind} says nothing of objects; use vocObjects, cocoObjects or drawnObjects`,
    );
  return objectBatches(options, source);
}

/** Batches of training in another order than that of its epochs, without an end. */
export async function* preciseBatches(
  options: Pick<ObjectBatchesOptions, 'experiment' | 'method' | 'layout'>,
  source: ObjectSource,
): AsyncGenerator<Batch> {
  const seed = stream(options.experiment.seed, 'precise norms').int(0, 2 ** 31 - 1);
  for (let epoch = 0; ; epoch++) yield* objectBatches(options, source, seed).epoch(epoch);
}

/** Batches of pictures that are open. @param seed in place of the experiment's, for another order */
function objectBatches(
  { experiment, method, layout }: Pick<ObjectBatchesOptions, 'experiment' | 'method' | 'layout'>,
  source: ObjectSource,
  seed: number = experiment.seed,
): ObjectBatches {
  const { replicas, batch, data } = experiment;
  const { objects, size, mean, std } = data;
  if (objects === undefined || method.objects === undefined)
    throw new Error('objects: the experiment asks for none');
  const { feed } = method.objects;
  const { shortEdges, flip, steps, most } = objects;
  return new ObjectBatches({
    source,
    draws: { shortEdges, flip, longestEdge: size },
    ...{ seed, batch, replicas, stepsPerEpoch: steps },
    ...(layout === undefined ? {} : { own: blockOf(layout) }),
    feed: (pictures) => feed({ seed, batch, size, most, mean, std }, pictures),
  });
}
