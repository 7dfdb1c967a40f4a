import { UserError } from '../../base/errors.ts';
import { stream } from '../../random/stream.ts';

/** What decides which samples make up which batch. */
export interface OrderSetup {
  readonly seed: number;
  readonly replicas: number;
  /** Samples of one replica in one step. */
  readonly batch: number;
  readonly dropLast: boolean;
  readonly replacement: boolean;
}

/** Samples that each replica sees in an epoch: all replicas the same number. */
export function samplesPerReplica(
  { replicas }: Pick<OrderSetup, 'replicas'>,
  count: number,
): number {
  return Math.ceil(count / replicas);
}

/**
 * Steps of an epoch.
 * @throws UserError where there would be none.
 */
export function stepsOf(setup: OrderSetup, count: number): number {
  const { replicas, batch, dropLast } = setup;
  const each = samplesPerReplica(setup, count);
  const steps = dropLast ? Math.floor(each / batch) : Math.ceil(each / batch);
  if (steps > 0) return steps;
  const found = `${count} images make ${each} for each of ${replicas} replicas`;
  throw new UserError(
    count === 0
      ? 'data: the source has no images'
      : `data: no full batch: ${found}, batch is ${batch}; use a batch of at most ${each}, or dropLast: false`,
  );
}

/**
 * The samples of an epoch, replica after replica, int32 [R ceil(n / R)]: a permutation (or n draws
 * with replacement), padded by repeating the first ones, in contiguous blocks
 * (docs/reference/methods.md, section 3.1).
 * @param given the n samples, where they are not drawn here
 */
export function epochOrder(
  setup: OrderSetup,
  count: number,
  epoch: number,
  given?: Int32Array,
): Int32Array {
  const order = given ?? drawnOrder(setup, count, epoch);
  if (order.length !== count)
    throw new Error(`order: ${order.length} samples for an epoch of ${count}`);
  const total = samplesPerReplica(setup, count) * setup.replicas;
  return Int32Array.from({ length: total }, (_, i) => order[i % count] ?? 0);
}

function drawnOrder({ seed, replacement }: OrderSetup, count: number, epoch: number): Int32Array {
  const draw = stream(seed, 'order', epoch);
  if (!replacement) return draw.permutation(count);
  return Int32Array.from({ length: count }, () => draw.int(0, count - 1));
}

/** The samples of one step, replica after replica: int32 [R N], fewer in a short last step. */
export function stepIndices(setup: OrderSetup, order: Int32Array, step: number): Int32Array {
  const { replicas, batch } = setup;
  const each = order.length / replicas;
  const from = step * batch;
  const size = Math.min(batch, each - from);
  const indices = new Int32Array(replicas * size);
  for (let r = 0; r < replicas; r++)
    indices.set(order.subarray(r * each + from, r * each + from + size), r * size);
  return indices;
}
