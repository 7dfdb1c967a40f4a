import { hostArray } from '../engine/array.ts';
import { op1 } from '../engine/op.ts';
import { tf } from '../engine/tf.ts';
import { log } from '../random/elementary.ts';
import type { Stream } from '../random/stream.ts';
import { floats, input, type Lloyd, wide } from './lloyd.ts';
import type { Points } from './points.ts';

/** Farther than any point is from another. */
const FAR = 3e38;

/** Places of distinct points, the first of a permutation: how faiss begins. */
export function randomPlaces(count: number, clusters: number, draws: Stream): Int32Array {
  return draws.permutation(count).slice(0, clusters);
}

/**
 * k-means++, Arthur and Vassilvitskii 2007, section 2.2: each next centroid is a point drawn in
 * proportion to its squared distance from the nearest one so far. The greedy form: of 2 + ln K points
 * drawn, the one that leaves the smallest sum (as scikit-learn does).
 */
export async function plusPlusPlaces(
  lloyd: Lloyd,
  { count }: Points,
  clusters: number,
  draws: Stream,
): Promise<Int32Array> {
  const trials = 2 + Math.floor(log(clusters));
  const rows = lloyd.rows * lloyd.pieces;
  define(lloyd, rows, trials);
  const nearest = new Float32Array(rows).fill(FAR, 0, count);
  await lloyd.program.writeState('nearest', hostArray('float32', [rows], nearest));
  const places = new Int32Array(clusters);
  places[0] = draws.int(0, count - 1);
  let distances = await taken(lloyd, places[0]);
  for (let c = 1; c < clusters; c++) {
    const offered = drawn(distances, count, trials, draws);
    const { potentials } = await lloyd.program.run('offer', { places: offered });
    places[c] = offered[smallest(Array.from(potentials?.data ?? [], Number))] ?? 0;
    distances = await taken(lloyd, places[c] ?? 0);
  }
  return places;
}

async function taken({ program }: Lloyd, place: number): Promise<Float32Array> {
  const { nearest } = await program.run('take', { places: Int32Array.of(place) });
  return floats(nearest?.data);
}

function smallest(values: readonly number[]): number {
  return values.reduce((best, value, i) => (value < (values[best] ?? 0) ? i : best), 0);
}

/** Places drawn in proportion to distances; sums in order of places, in double. */
function drawn(distances: Float32Array, count: number, trials: number, draws: Stream): Int32Array {
  let total = 0;
  for (let i = 0; i < count; i++) total += distances[i] ?? 0;
  const marks = Array.from({ length: trials }, (_, trial) => ({
    trial,
    at: draws.uniform() * total,
  }));
  marks.sort((a, b) => a.at - b.at);
  const places = new Int32Array(trials);
  let place = -1;
  let passed = 0;
  for (const { trial, at } of marks) {
    while (place < 0 || (passed <= at && place < count - 1)) passed += distances[++place] ?? 0;
    places[trial] = place;
  }
  return places;
}

/** `offer`: the sum of distances that each of some points would leave; `take`: one becomes a centroid. */
function define({ program }: Lloyd, rows: number, trials: number): void {
  program.state('nearest', { dtype: 'float32', shape: [rows] });
  const closer = (io: Parameters<typeof input>[0], count: number) => {
    const points = io.read('points');
    const chosen = op1('GatherV2', [points, input(io, 'places'), tf.scalar(0, 'int32')]);
    const product = op1('MatMul', [points, chosen], { transpose_b: true }); // [rows, count]
    const own = tf.sum(tf.square(points), 1, true);
    const theirs = tf.reshape(tf.sum(tf.square(chosen), 1), [1, count]);
    const squares = tf.sub(tf.add(own, theirs), tf.mul(product, tf.scalar(2)));
    const nearest = tf.reshape(io.read('nearest'), [rows, 1]);
    return tf.minimum(tf.maximum(squares, tf.scalar(0)), nearest);
  };
  program.entry('offer', {
    inputs: { places: { dtype: 'int32', shape: [trials] } },
    build: (io) => ({
      potentials: op1('Sum', [wide(closer(io, trials)), tf.scalar(0, 'int32')]),
    }),
  });
  program.entry('take', {
    inputs: { places: { dtype: 'int32', shape: [1] } },
    build: (io) => {
      const nearest = tf.reshape(closer(io, 1), [rows]);
      io.assign('nearest', nearest);
      return { nearest };
    },
  });
}
