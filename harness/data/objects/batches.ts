import { stream } from '../../random/stream.ts';

/** Pictures that are trained on together. */
export interface ObjectBatch {
  /** Which pictures. */
  readonly indices: Int32Array;
  /** Where each is in the endless order: what is drawn for it depends on this alone. */
  readonly places: Float64Array;
}

export interface BatchSetup {
  readonly seed: number;
  /** Pictures of a batch of one replica. */
  readonly batch: number;
  readonly replicas: number;
}

/**
 * The batches of one replica, without an end. All replicas have one order: permutations of the pictures,
 * one after another. A replica takes every `replicas`-th from its own number on, wide pictures apart from
 * the rest, and a batch goes out as soon as it is full (`TrainingSampler` and
 * `AspectRatioGroupedDataset` of detectron2).
 * @param pictures those that are drawn from
 * @param isWide whether a picture is wider than high, before any change
 * @param from the first batch wanted: those before it are passed over, so that a run that goes on at a
 *   step needs to keep nothing
 */
export function* batchesOf(
  pictures: Int32Array,
  isWide: (index: number) => boolean,
  { seed, batch, replicas }: BatchSetup,
  replica: number,
  from = 0,
): Generator<ObjectBatch, never> {
  let step = 0;
  for (const full of grouped(endless(pictures, seed, replicas, replica), isWide, batch)) {
    if (step++ < from) continue;
    yield {
      indices: Int32Array.from(full, ({ index }) => index),
      places: Float64Array.from(full, ({ place }) => place),
    };
  }
  throw new Error('an endless order has ended');
}

export interface Placed {
  readonly index: number;
  readonly place: number;
}

/** The replica's share of the order. */
function* endless(
  pictures: Int32Array,
  seed: number,
  replicas: number,
  replica: number,
): Generator<Placed> {
  const { length } = pictures;
  if (length === 0) throw new RangeError('batches: no pictures to draw from');
  for (let round = 0, place = replica; ; round++) {
    const order = stream(seed, 'objects order', round).permutation(length);
    for (; place < (round + 1) * length; place += replicas)
      yield { index: pictures[order[place - round * length] ?? 0] ?? 0, place };
  }
}

/** Full batches of wide pictures and of the rest, as they become full. */
export function* grouped(
  order: Iterable<Placed>,
  isWide: (index: number) => boolean,
  batch: number,
): Generator<readonly Placed[]> {
  const waiting: [Placed[], Placed[]] = [[], []];
  for (const one of order) {
    const side = isWide(one.index) ? 0 : 1;
    waiting[side].push(one);
    if (waiting[side].length < batch) continue;
    yield waiting[side];
    waiting[side] = [];
  }
}
