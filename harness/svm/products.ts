import { breath } from '../base/breath.ts';
import { castTo, op1 } from '../engine/op.ts';
import { type Io, Program } from '../engine/program.ts';
import type { Tensor } from '../engine/tf.ts';
import { pieceSize, pieces, type Rows } from './rows.ts';

/** Rows as machines see them: each times its scale, and one more feature of the same value for all. */
export interface ScaledRows {
  readonly rows: Rows;
  /** float64 [count] */
  readonly scales: Float64Array;
  /** The feature whose weight is the intercept. */
  readonly intercept: number;
}

export interface Computing {
  /** Threads of the engine; 0 for all cores. Never changes a bit. */
  readonly threads: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Inner products of all rows with each other, float64 [N, N]. Features are never all in memory: piece
 * meets piece, and each pair once. Sums of float32 would move what is fitted by more than what it is
 * held to, so they are in float64.
 */
export async function gram(own: ScaledRows, { threads, signal }: Computing): Promise<Float64Array> {
  const { count } = own.rows;
  const out = new Float64Array(count * count);
  const program = new Program({ intraThreads: threads });
  try {
    defineProducts(program, own.rows, own.rows);
    for await (const left of pieces(own.rows))
      for await (const right of pieces(own.rows, left.from)) {
        await breath(signal);
        const inputs = { left: left.values, right: right.values };
        const { products } = await program.run('products', inputs);
        place(out, products?.data, [left, own], [right, own]);
      }
  } finally {
    program.dispose();
  }
  mirror(out, count);
  return out;
}

/**
 * Inner products of rows with rows of another set, float64 [N, M].
 */
export async function productsOf(
  own: ScaledRows,
  others: ScaledRows,
  { threads, signal }: Computing,
): Promise<Float64Array> {
  const out = new Float64Array(own.rows.count * others.rows.count);
  const program = new Program({ intraThreads: threads });
  try {
    defineProducts(program, own.rows, others.rows);
    for await (const left of pieces(own.rows))
      for await (const right of pieces(others.rows)) {
        await breath(signal);
        const inputs = { left: left.values, right: right.values };
        const { products } = await program.run('products', inputs);
        place(out, products?.data, [left, own], [right, others]);
      }
  } finally {
    program.dispose();
  }
  return out;
}

interface Block {
  readonly from: number;
  readonly valid: number;
}

type Side = readonly [block: Block, of: ScaledRows];

function place(
  out: Float64Array,
  products: ArrayLike<number | bigint> | undefined,
  [left, own]: Side,
  [right, others]: Side,
): void {
  const found = doubles(products);
  const size = pieceSize(others.rows);
  const added = own.intercept * others.intercept;
  for (let i = 0; i < left.valid; i++) {
    const scale = own.scales[left.from + i] ?? 0;
    const at = (left.from + i) * others.rows.count + right.from;
    for (let j = 0; j < right.valid; j++)
      out[at + j] =
        (found[i * size + j] ?? 0) * scale * (others.scales[right.from + j] ?? 0) + added;
  }
}

/** The half below the diagonal from that above it, in tiles that stay in the cache. */
function mirror(out: Float64Array, count: number): void {
  const tile = 64;
  for (let top = 0; top < count; top += tile)
    for (let left = top; left < count; left += tile)
      for (let i = top; i < Math.min(top + tile, count); i++)
        for (let j = Math.max(left, i + 1); j < Math.min(left + tile, count); j++)
          out[j * count + i] = out[i * count + j] ?? 0;
}

function defineProducts(program: Program, left: Rows, right: Rows): void {
  program.entry('products', {
    inputs: {
      left: { dtype: 'float32', shape: [pieceSize(left), left.width] },
      right: { dtype: 'float32', shape: [pieceSize(right), right.width] },
    },
    build: (io) => ({
      products: op1('MatMul', [wide(io, 'left'), wide(io, 'right')], { transpose_b: true }),
    }),
  });
}

/** Weights of machines. */
export interface Weights {
  /** float64 [P, width] */
  readonly weights: Float64Array;
  /** float64 [P] */
  readonly intercepts: Float64Array;
}

/** Weights from coefficients, float64 [P, N]: sums over all rows, piece by piece. */
export async function weightsOf(
  { rows, scales, intercept }: ScaledRows,
  coefficients: Float64Array,
  { threads, signal }: Computing,
): Promise<Weights> {
  const { count, width } = rows;
  const machines = coefficients.length / count;
  const size = pieceSize(rows);
  const intercepts = new Float64Array(machines);
  const program = new Program({ intraThreads: threads });
  try {
    program.state('sums', { dtype: 'float64', shape: [machines, width] });
    program.entry('add', {
      inputs: {
        rows: { dtype: 'float32', shape: [size, width] },
        shares: { dtype: 'float64', shape: [machines, size] },
      },
      build: (io) => {
        const sums = op1('MatMul', [input(io, 'shares'), wide(io, 'rows')]);
        io.assign('sums', op1('AddV2', [io.read('sums'), sums]));
        return {};
      },
    });
    await program.writeState('sums', {
      dtype: 'float64',
      shape: [machines, width],
      data: new Float64Array(machines * width),
    });
    for await (const { values, from, valid } of pieces(rows)) {
      await breath(signal);
      const shares = new Float64Array(machines * size);
      for (let machine = 0; machine < machines; machine++)
        for (let i = 0; i < valid; i++) {
          const coefficient = coefficients[machine * count + from + i] ?? 0;
          shares[machine * size + i] = coefficient * (scales[from + i] ?? 0);
          intercepts[machine] = (intercepts[machine] ?? 0) + coefficient * intercept ** 2;
        }
      await program.run('add', { rows: values, shares });
    }
    const { data } = await program.readState('sums');
    return { weights: doubles(data), intercepts };
  } finally {
    program.dispose();
  }
}

/** Decision values of rows, float64 [P, count]. */
export async function decisionsOf(
  { rows, scales }: Omit<ScaledRows, 'intercept'>,
  { weights, intercepts }: Weights,
  { threads, signal }: Computing,
): Promise<Float64Array> {
  const { count, width } = rows;
  const machines = intercepts.length;
  const size = pieceSize(rows);
  const out = new Float64Array(machines * count);
  const program = new Program({ intraThreads: threads });
  try {
    program.entry('decide', {
      inputs: {
        rows: { dtype: 'float32', shape: [size, width] },
        weights: { dtype: 'float64', shape: [machines, width] },
      },
      build: (io) => ({
        sums: op1('MatMul', [input(io, 'weights'), wide(io, 'rows')], { transpose_b: true }),
      }),
    });
    for await (const { values, from, valid } of pieces(rows)) {
      await breath(signal);
      const { sums } = await program.run('decide', { rows: values, weights });
      const found = doubles(sums?.data);
      for (let machine = 0; machine < machines; machine++)
        for (let i = 0; i < valid; i++)
          out[machine * count + from + i] =
            (found[machine * size + i] ?? 0) * (scales[from + i] ?? 0) + (intercepts[machine] ?? 0);
    }
    return out;
  } finally {
    program.dispose();
  }
}

function wide(io: Io, name: string): Tensor {
  return castTo(input(io, name), 'float64');
}

function input(io: Io, name: string): Tensor {
  const found = io.inputs[name];
  if (found === undefined) throw new Error(`svm: no input '${name}'`);
  return found;
}

function doubles(data: unknown): Float64Array {
  if (!(data instanceof Float64Array)) throw new Error('svm: float64 expected');
  return data;
}
