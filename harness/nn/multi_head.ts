import { UserError } from '../base/errors.ts';
import { adaptiveAvgPool, avgPool, flattened, type PoolOptions } from '../engine/ops/pooling.ts';
import type { Tensor } from '../engine/tf.ts';
import { batchNorm, groupNorm, linear } from './layers.ts';
import { composed, fixed, type Module } from './module.ts';

/**
 * How one level of features is pooled to about nine thousand values
 * (docs/reference/benchmarks.md, section 1).
 */
interface Level {
  /** Of the pooled map, pixels. */
  readonly side: number;
  /** Windows that give that side on 224 x 224 pixels. */
  readonly windows: PoolOptions;
}

/** The stem before its pool, then the four stages. */
const LEVELS: readonly Level[] = [
  { side: 12, windows: { size: 10, stride: 10, padding: 4 } },
  { side: 6, windows: { size: 16, stride: 8, padding: 0 } },
  { side: 4, windows: { size: 13, stride: 5, padding: 0 } },
  { side: 3, windows: { size: 8, stride: 3, padding: 0 } },
  { side: 2, windows: { size: 6, stride: 1, padding: 0 } },
];

export interface MultiHeadOptions {
  /** Place of each level among the five, from 0, and its channels. */
  readonly levels: readonly { readonly level: number; readonly channels: number }[];
  readonly classes: number;
  /** Windows of fixed size, for images of 224 pixels, or bins that fit any. */
  readonly pool: 'specified' | 'adaptive';
  /** Statistics of all replicas' batch, or of one replica's. */
  readonly sync: boolean;
  /** Weight of a batch in the running statistics. */
  readonly momentum?: number;
  readonly affine?: boolean;
  /** Added to the variance. */
  readonly epsilon?: number;
  /** Group norms of so many groups, in place of batch norms. */
  readonly groups?: number;
  /** Whether scale and shift learn; they do unless given. */
  readonly normLearns?: boolean;
  /** Without norms between pool and classifier. */
  readonly plain?: boolean;
  /** One more head, on the last of the levels as it is: values of its whole map. */
  readonly whole?: number;
}

/** Deviation of the weights at the start; biases are 0. */
const STD = 0.01;

/**
 * A linear classifier for each level of frozen features: average pool, batch norm, the map flattened as
 * C, H, W, one fully connected layer. MultiClsHead of the original
 * (docs/reference/benchmarks.md, section 5). Head i has the parameters `norms.i.*` and `fcs.i.*`;
 * all take theirs from one set. No gradient goes to the features.
 * @returns a module a level, [N, H, W, channels] → [N, classes], and one for the whole of the last
 *   level where that is asked for
 * @throws UserError for a level that is not among the five; when applied, for a map of the wrong side.
 */
export function multiHead(options: MultiHeadOptions): readonly Module[] {
  const { levels, classes, pool, plain } = options;
  const classifierOf = (inputs: number) =>
    linear({ inputs, outputs: classes, initial: { kind: 'normal', std: STD } });
  const heads = levels.map(({ level, channels }, i) => {
    const { side } = levelOf(level);
    const [norm, fc] = [`norms.${i}`, `fcs.${i}`];
    const children = {
      ...(plain ? {} : { [norm]: normOf(options, channels) }),
      [fc]: classifierOf(channels * side * side),
    };
    return composed(children, (call, x) => {
      const pooled = pooledLevel(x, level, pool);
      return call(fc, flattened(plain ? pooled : call(norm, pooled)));
    });
  });
  if (options.whole === undefined) return heads;
  const last = `fcs.${levels.length}`;
  const whole = composed({ [last]: classifierOf(options.whole) }, (call, x) =>
    call(last, flattened(x)),
  );
  return [...heads, whole];
}

function normOf(options: MultiHeadOptions, channels: number): Module {
  const { sync, momentum = 0.1, affine = false, epsilon, groups, normLearns = true } = options;
  const own = { channels, affine, ...(epsilon === undefined ? {} : { epsilon }) };
  const module =
    groups === undefined ? batchNorm({ ...own, momentum, sync }) : groupNorm({ ...own, groups });
  return normLearns ? module : fixed(module);
}

/** [N, H, W, C] → [N, side, side, C], float32. */
function pooledLevel(x: Tensor, level: number, pool: MultiHeadOptions['pool']): Tensor {
  const { side, windows } = levelOf(level);
  if (pool === 'adaptive') return adaptiveAvgPool(x, side);
  const { size, stride, padding = 0 } = windows;
  const [, height = 0, width = 0] = x.shape;
  for (const pixels of [height, width]) {
    const found = Math.floor((pixels + 2 * padding - size) / stride) + 1;
    if (found !== side)
      throw new UserError(
        `level ${level}: a map of ${height} x ${width} pixels is pooled to ${found} a side, expected ` +
          `${side}; windows of fixed size are for images of 224 pixels, use adaptive ones for others`,
      );
  }
  return avgPool(x, windows);
}

function levelOf(level: number): Level {
  const found = LEVELS[level];
  if (found === undefined)
    throw new UserError(`level ${level}: expected 0 to ${LEVELS.length - 1} (stem, four stages)`);
  return found;
}
