import { type HostArray, hostArray } from '../engine/array.ts';
import { castTo, op1 } from '../engine/op.ts';
import { type Io, Program } from '../engine/program.ts';
import { type Tensor, tf } from '../engine/tf.ts';
import { type Points, piecesOf } from './points.ts';

/** Scores that are computed at a time, rows x clusters: few enough to stay in a core's cache. */
const SCORES = 2 ** 22;
const MOST_ROWS = 4096;
const FEWEST_ROWS = 256;

/** Each point's nearest centroid. */
export interface Assignment {
  /** int32 [N]; of equally near ones the lowest. */
  readonly labels: Int32Array;
  /** Points of each cluster, int32 [K]. */
  readonly sizes: Int32Array;
}

/**
 * Points and centroids on the engine. Points are taken up once. A pass goes over them piece by piece:
 * product with all centroids, the largest score, and sums by cluster in one run, so that the [N, K]
 * matrix is never there as a whole. Sums are added in order of rows and pieces: the same bits on any
 * number of threads.
 */
export class Lloyd {
  readonly program: Program;
  readonly rows: number;
  readonly pieces: number;
  private readonly count: number;
  private readonly width: number;
  private readonly clusters: number;

  constructor({ count, width }: Omit<Points, 'values'>, clusters: number, threads: number) {
    const most = Math.max(FEWEST_ROWS, Math.min(MOST_ROWS, Math.floor(SCORES / clusters)));
    const { rows, pieces } = piecesOf(count, most);
    this.rows = rows;
    this.pieces = pieces;
    this.count = count;
    this.width = width;
    this.clusters = clusters;
    this.program = new Program({ intraThreads: threads });
    this.program.state('points', { dtype: 'float32', shape: [rows * pieces, width] });
    this.program.state('centroids', { dtype: 'float32', shape: [clusters, width] });
    this.program.state('sums', { dtype: 'float32', shape: [clusters, width] });
    this.definePasses();
    this.defineMove();
  }

  /** Takes up the points, all at once: a variable that was set in parts is copied at every read. */
  async fill({ values, count, width }: Points): Promise<void> {
    const total = this.rows * this.pieces;
    const whole = total === count ? values : new Float32Array(total * width);
    if (whole !== values) whole.set(values);
    await this.program.writeState('points', hostArray('float32', [total, width], whole));
  }

  /** Centroids, float32 [K, D]. */
  async centroids(): Promise<Float32Array> {
    return floats((await this.program.readState('centroids')).data);
  }

  async place(centroids: Float32Array): Promise<void> {
    const shape = [this.clusters, this.width];
    await this.program.writeState('centroids', hostArray('float32', shape, centroids));
  }

  /** Assigns every point and sums up the clusters, for `move`. */
  async pass(): Promise<Assignment> {
    await this.program.run('begin');
    return this.each('pass');
  }

  /** Each centroid becomes the mean of its points; one without points stays where it is. */
  async move(sizes: Int32Array): Promise<void> {
    await this.program.run('move', { sizes });
  }

  /** Assigns every point, and adds up the squared distances. */
  async assign(): Promise<Assignment & { readonly inertia: number }> {
    let inertia = 0;
    const assignment = await this.each('assign', ({ inertia: own }) => {
      inertia += Number(own?.data[0]);
    });
    return { ...assignment, inertia };
  }

  dispose(): void {
    this.program.dispose();
  }

  private async each(
    entry: 'pass' | 'assign',
    take?: (outputs: Readonly<Record<string, HostArray>>) => void,
  ): Promise<Assignment> {
    const { program, rows, count, clusters } = this;
    const labels = new Int32Array(count);
    const sizes = new Int32Array(clusters);
    for (let from = 0; from < count; from += rows) {
      const valid = Math.min(rows, count - from);
      const inputs = { from: Int32Array.of(from), valid: Int32Array.of(valid) };
      const outputs = await program.run(entry, inputs);
      const found = outputs.labels?.data;
      if (!(found instanceof Int32Array)) throw new Error('k-means: no labels');
      labels.set(found.subarray(0, valid), from);
      take?.(outputs);
    }
    for (const label of labels) sizes[label] = (sizes[label] ?? 0) + 1;
    return { labels, sizes };
  }

  private definePasses(): void {
    const one = { dtype: 'int32', shape: [1] } as const;
    const inputs = { from: one, valid: one };
    this.program.entry('pass', {
      inputs,
      build: (io) => {
        const { points, labels } = this.nearest(io);
        const sums = op1('UnsortedSegmentSum', [points, labels, tf.scalar(this.clusters, 'int32')]);
        io.assign('sums', op1('AddV2', [io.read('sums'), sums]));
        return { labels };
      },
    });
    this.program.entry('assign', {
      inputs,
      build: (io) => {
        const { points, labels, real } = this.nearest(io);
        const own = op1('GatherV2', [
          io.read('centroids'),
          tf.maximum(labels, tf.scalar(0, 'int32')),
          tf.scalar(0, 'int32'),
        ]);
        const squares = tf.sum(tf.squaredDifference(points, own), 1); // [rows]
        const counted = tf.mul(squares, tf.cast(real, 'float32'));
        return { labels, inertia: op1('Sum', [wide(counted), tf.scalar(0, 'int32')]) };
      },
    });
  }

  /** Of a piece: its points, the label of each, -1 behind the last one, and which are points. */
  private nearest(io: Io) {
    const { rows, width } = this;
    const [from, valid] = [input(io, 'from'), input(io, 'valid')];
    const begin = tf.concat([from, tf.tensor1d([0], 'int32')]);
    const points = op1('Slice', [io.read('points'), begin, tf.tensor1d([rows, width], 'int32')]);
    const scores = similarity(points, io.read('centroids'));
    const best = op1('ArgMax', [scores, tf.scalar(1, 'int32')], {
      output_type: { dtype: 'int32' },
    });
    const real = tf.less(tf.range(0, rows, 1, 'int32'), valid);
    const labels = tf.where(real, best, tf.fill([rows], -1, 'int32'));
    return { points, labels, real };
  }

  private defineMove(): void {
    const { program, clusters, width } = this;
    program.entry('begin', {
      inputs: {},
      build: (io) => {
        io.assign('sums', tf.zeros([clusters, width]));
        return {};
      },
    });
    program.entry('move', {
      inputs: { sizes: { dtype: 'int32', shape: [clusters] } },
      build: (io) => {
        const sizes = tf.reshape(tf.cast(input(io, 'sizes'), 'float32'), [clusters, 1]);
        const means = tf.div(io.read('sums'), tf.maximum(sizes, tf.scalar(1)));
        io.assign('centroids', tf.where(tf.greater(sizes, 0), means, io.read('centroids')));
        return {};
      },
    });
  }
}

/** <x, c> - |c|² / 2, [N, K]: the largest of a row is that of the nearest centroid. */
function similarity(points: Tensor, centroids: Tensor): Tensor {
  const squares = tf.sum(tf.square(centroids), 1); // [K]
  const product = op1('MatMul', [points, centroids], { transpose_b: true });
  return op1('BiasAdd', [product, tf.mul(squares, tf.scalar(-0.5))]);
}

/** In float64, for sums. */
export function wide(x: Tensor): Tensor {
  return castTo(x, 'float64');
}

export function input(io: Io, name: string): Tensor {
  const found = io.inputs[name];
  if (found === undefined) throw new Error(`clustering: no input '${name}'`);
  return found;
}

export function floats(data: unknown): Float32Array {
  if (!(data instanceof Float32Array)) throw new Error('clustering: float32 expected');
  return data;
}
