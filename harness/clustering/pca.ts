import { UserError } from '../base/errors.ts';
import { type HostArray, hostArray, zeros } from '../engine/array.ts';
import { op, op1 } from '../engine/op.ts';
import { Program } from '../engine/program.ts';
import { tf } from '../engine/tf.ts';
import { floats, input, wide } from './lloyd.ts';
import { eachPiece, type Points, piecesOf, pointsOf } from './points.ts';

const ROWS = 4096;
/** Added to the length of a row, as the original does. */
const TINY = 1e-10;
/** A direction whose variance is below this share of the largest one is only rounding. */
const ROUNDING = 1e-7;
/** Share of values that may be NaN, and become 0 (docs/reference/methods.md, section 6). */
const SPOILT = 0.001;

export interface WhitenOptions {
  /** Dimensions to keep; undefined: rows are scaled to length 1 and nothing else is done. */
  readonly dimensions: number | undefined;
  /** Threads of the engine; 0 for all cores. Never changes a bit. */
  readonly threads?: number;
}

/**
 * Features as DeepCluster clusters them: mean removed, turned onto the directions of largest variance,
 * each divided by its deviation, then every row by its length + 1e-10
 * (docs/reference/methods.md, section 6).
 * @param values float32 [N, width]
 * @returns float32 [N, dimensions ?? width]
 * @throws UserError for features that are not finite, or that vary in fewer directions than asked for.
 */
export async function whitened(
  values: Float32Array,
  width: number,
  { dimensions, threads = 0 }: WhitenOptions,
): Promise<Float32Array> {
  const points = pointsOf(values, width);
  if (dimensions === undefined) return unitRows(points);
  if (dimensions > width)
    throw new UserError(
      `clustering: ${dimensions} principal components of ${width} features; use at most ${width}`,
    );
  const { rows } = piecesOf(points.count, ROWS);
  const program = new Program({ intraThreads: threads });
  try {
    define(program, { rows, width, dimensions });
    await program.writeStates([
      ['mean', zeros('float64', [width])],
      ['scatter', zeros('float64', [width, width])],
    ]);
    const feeds = function* () {
      for (const { values, valid } of eachPiece(points, rows))
        yield { values, valid: Int32Array.of(valid) };
    };
    for (const feed of feeds()) await program.run('add', feed);
    await program.run('divide', { count: Float64Array.of(points.count) });
    for (const feed of feeds()) await program.run('scatter', feed);
    const basis = basisOf(await program.run('decompose'), points, dimensions);
    await program.writeState('basis', basis);
    const reduced = new Float32Array(points.count * dimensions);
    for (const { values, from, valid } of eachPiece(points, rows)) {
      const { reduced: found } = await program.run('project', { values });
      const own = floats(found?.data).subarray(0, valid * dimensions);
      reduced.set(own, from * dimensions);
    }
    withoutNaN(reduced);
    return unitRows({ values: reduced, count: points.count, width: dimensions });
  } finally {
    program.dispose();
  }
}

interface Shape {
  readonly rows: number;
  readonly width: number;
  readonly dimensions: number;
}

function define(program: Program, { rows, width, dimensions }: Shape): void {
  program.state('mean', { dtype: 'float64', shape: [width] });
  program.state('scatter', { dtype: 'float64', shape: [width, width] });
  program.state('basis', { dtype: 'float32', shape: [width, dimensions] });
  const values = { dtype: 'float32', shape: [rows, width] } as const;
  const piece = { values, valid: { dtype: 'int32', shape: [1] } } as const;
  program.entry('add', {
    inputs: piece,
    build: (io) => {
      const sums = op1('Sum', [wide(input(io, 'values')), tf.scalar(0, 'int32')]);
      io.assign('mean', op1('AddV2', [io.read('mean'), sums]));
      return {};
    },
  });
  program.entry('divide', {
    inputs: { count: { dtype: 'float64', shape: [1] } },
    build: (io) => {
      io.assign('mean', op1('RealDiv', [io.read('mean'), input(io, 'count')]));
      return {};
    },
  });
  const centred = (io: Parameters<typeof input>[0]) =>
    tf.sub(input(io, 'values'), tf.cast(io.read('mean'), 'float32'));
  program.entry('scatter', {
    inputs: piece,
    build: (io) => {
      const real = tf.less(tf.range(0, rows, 1, 'int32'), input(io, 'valid'));
      const x = tf.mul(centred(io), tf.reshape(tf.cast(real, 'float32'), [rows, 1]));
      const products = op1('MatMul', [x, x], { transpose_a: true });
      io.assign('scatter', op1('AddV2', [io.read('scatter'), wide(products)]));
      return {};
    },
  });
  program.entry('decompose', {
    inputs: {},
    build: (io) => {
      const [variances, directions] = op('SelfAdjointEigV2', [io.read('scatter')], {}, 2);
      if (!variances || !directions) throw new Error('pca: outputs are missing');
      return { variances, directions };
    },
  });
  program.entry('project', {
    inputs: { values },
    build: (io) => ({ reduced: op1('MatMul', [centred(io), io.read('basis')]) }),
  });
}

/**
 * Directions of largest variance first, each over its deviation, [width, dimensions]. A direction's
 * sign is free: its largest part is positive here.
 */
function basisOf(
  outputs: Readonly<Record<string, HostArray>>,
  { count, width }: Points,
  dimensions: number,
): HostArray {
  const variances = outputs.variances?.data; // in ascending order
  const directions = outputs.directions?.data; // [width, width], a column each
  if (!(variances instanceof Float64Array && directions instanceof Float64Array))
    throw new Error('pca: float64 expected');
  const largest = variances[width - 1] ?? 0;
  const useful = variances.filter((v) => v > ROUNDING * largest && v > 0).length;
  if (useful < dimensions)
    throw new UserError(
      `clustering: ${dimensions} principal components asked for, but the features of ${count} ` +
        `images vary in ${useful} directions only; use fewer, or look whether the features have ` +
        'collapsed',
    );
  const basis = new Float32Array(width * dimensions);
  for (let p = 0; p < dimensions; p++) {
    const column = width - 1 - p;
    const at = (d: number) => directions[d * width + column] ?? 0;
    let top = 0;
    for (let d = 1; d < width; d++) if (Math.abs(at(d)) > Math.abs(at(top))) top = d;
    const deviation = Math.sqrt((variances[column] ?? 0) / count);
    const scale = (at(top) < 0 ? -1 : 1) / deviation;
    for (let d = 0; d < width; d++) basis[d * dimensions + p] = at(d) * scale;
  }
  return hostArray('float32', [width, dimensions], basis);
}

/** Sets NaN to 0. @throws UserError where that is more than a thousandth. */
export function withoutNaN(values: Float32Array): void {
  const spoilt = values.reduce((sum, x) => sum + (Number.isNaN(x) ? 1 : 0), 0);
  if (spoilt > SPOILT * values.length)
    throw new UserError(
      `clustering: ${spoilt} of ${values.length} whitened numbers are NaN; expected 0.1 % at most`,
    );
  if (spoilt > 0) for (const [i, x] of values.entries()) if (Number.isNaN(x)) values[i] = 0;
}

/** Each row over its length + 1e-10. Sums in double, in order of columns. */
function unitRows({ values, width }: Points): Float32Array {
  const unit = new Float32Array(values.length);
  for (let start = 0; start < values.length; start += width) {
    let squares = 0;
    for (let i = start; i < start + width; i++) squares += (values[i] ?? 0) ** 2;
    const scale = 1 / (Math.sqrt(squares) + TINY);
    for (let i = start; i < start + width; i++) unit[i] = (values[i] ?? 0) * scale;
  }
  return unit;
}
