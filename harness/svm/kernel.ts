import { hostArray } from '../engine/array.ts';
import { castTo, op1 } from '../engine/op.ts';
import { type Io, Program } from '../engine/program.ts';
import type { Tensor } from '../engine/tf.ts';

type Floats = 'float32' | 'float64';

/** What vectors are multiplied by: inner products of rows with each other, in G groups of n rows. */
export interface KernelShape {
  readonly groups: number;
  /** n */
  readonly rows: number;
  /** Threads of the engine; 0 for all cores. Never changes a bit. */
  readonly threads: number;
}

/**
 * The matrices K of groups, on the engine: in float64, and once more in float32, whose products are about
 * six times as fast.
 */
export class Kernel {
  readonly shape: KernelShape;
  /** [G, n]: inner products of rows with themselves. */
  readonly diagonal: Float64Array;
  private readonly program: Program;
  private readonly multiply: (vectors: Tensor, matrix: Tensor) => Tensor;
  private readonly entries = new Set<string>();

  private constructor(
    shape: KernelShape,
    diagonal: Float64Array,
    multiply: (vectors: Tensor, matrix: Tensor) => Tensor,
  ) {
    this.shape = shape;
    this.diagonal = diagonal;
    this.multiply = multiply;
    this.program = new Program({ intraThreads: shape.threads });
  }

  /** @param products float64 [G, n, n], each symmetric */
  static async ofProducts(products: Float64Array, shape: KernelShape): Promise<Kernel> {
    const { groups, rows } = shape;
    const diagonal = Float64Array.from(
      { length: groups * rows },
      (_, i) => products[i * rows + (i % rows)] ?? 0,
    );
    const type = groups === 1 ? 'MatMul' : 'BatchMatMulV2';
    const kernel = new Kernel(shape, diagonal, (v, k) => op1(type, [v, k]));
    await kernel.fill(groups === 1 ? [rows, rows] : [groups, rows, rows], products);
    return kernel;
  }

  /**
   * From the rows themselves, where they are many more than wide: their products are never made.
   * @param points float64 [n, width]
   */
  static async ofRows(points: Float64Array, rows: number, threads: number): Promise<Kernel> {
    const width = points.length / rows;
    const diagonal = new Float64Array(rows);
    for (const [i, x] of points.entries()) {
      const row = Math.floor(i / width);
      diagonal[row] = (diagonal[row] ?? 0) + x * x;
    }
    const kernel = new Kernel({ groups: 1, rows, threads }, diagonal, (v, x) =>
      op1('MatMul', [op1('MatMul', [v, x]), x], { transpose_b: true }),
    );
    await kernel.fill([rows, width], points);
    return kernel;
  }

  private async fill(shape: readonly number[], values: Float64Array): Promise<void> {
    const { program } = this;
    program.state('float64', { dtype: 'float64', shape });
    program.state('float32', { dtype: 'float32', shape });
    program.entry('narrow', {
      inputs: {},
      build: (io) => {
        io.assign('float32', castTo(io.read('float64'), 'float32'));
        return {};
      },
    });
    await program.writeState('float64', hostArray('float64', shape, values));
    await program.run('narrow');
  }

  /** Vectors [G, count, n] times the matrix of their group, in the type that they have. */
  async times<T extends Float32Array | Float64Array>(vectors: T, count: number): Promise<T> {
    const dtype = vectors instanceof Float32Array ? 'float32' : 'float64';
    const { y } = await this.program.run(this.entryOf(dtype, count), { vectors });
    if (y?.dtype !== dtype) throw new Error('svm: no product');
    return y.data as T;
  }

  private entryOf(dtype: Floats, count: number): string {
    const { groups, rows } = this.shape;
    const name = `${dtype}_${count}`;
    if (this.entries.has(name)) return name;
    const shape = groups === 1 ? [count, rows] : [groups, count, rows];
    this.program.entry(name, {
      inputs: { vectors: { dtype, shape } },
      build: (io) => ({ y: this.multiply(vectorsOf(io), io.read(dtype)) }),
    });
    this.entries.add(name);
    return name;
  }

  dispose(): void {
    this.program.dispose();
  }
}

function vectorsOf(io: Io): Tensor {
  if (io.inputs.vectors === undefined) throw new Error('svm: no vectors');
  return io.inputs.vectors;
}
