import { UserError } from '../base/errors.ts';
import {
  adaptiveAvgPool,
  avgPool,
  flattened,
  globalAvgPool,
  type PoolOptions,
} from '../engine/ops/pooling.ts';
import { type Tensor, tf } from '../engine/tf.ts';
import type { Module } from './module.ts';
import type { ResNet } from './resnet.ts';

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

/** Windows of fixed size, for images of 224 pixels; bins that fit any; the mean of all pixels. */
export type LevelPool = 'specified' | 'adaptive' | 'average';

/**
 * The map of a level, pooled: [N, H, W, C] → [N, side, side, C].
 * @throws UserError for a level that is not among the five, and for a map on which windows of fixed
 *   size give another side.
 */
export function pooledLevel(x: Tensor, level: number, pool: LevelPool): Tensor {
  const { side, windows } = levelOf(level);
  if (pool === 'adaptive') return adaptiveAvgPool(x, side);
  if (pool === 'average') {
    const [count = 0, , , channels = 0] = x.shape;
    return tf.reshape(globalAvgPool(x), [count, 1, 1, channels]);
  }
  const { size, stride, padding = 0 } = windows;
  const [, height = 0, width = 0] = x.shape;
  for (const pixels of [height, width]) {
    const found = Math.floor((pixels + 2 * padding - size) / stride) + 1;
    if (found !== side)
      throw new UserError(
        `level ${level}: a map of ${height} x ${width} pixels is pooled to ${Math.max(found, 0)} a ` +
          `side, expected ${side}; windows of fixed size are for images of 224 pixels and the stem ` +
          'of ImageNet, use adaptive ones for others',
      );
  }
  return avgPool(x, windows);
}

/** Values of one image at a level, once it is pooled. */
export function pooledWidth(level: number, channels: number, pool: LevelPool): number {
  const side = pool === 'average' ? 1 : levelOf(level).side;
  return channels * side * side;
}

/**
 * Several levels of a network in one pass, each pooled and flattened as C, H, W, one behind the other.
 * Its parameters and statistics are the network's.
 * @returns [N, H, W, C] → [N, sum of `pooledWidth`], float32
 */
export function levelRows(
  network: Pick<ResNet, 'module' | 'levels'>,
  wanted: readonly { readonly level: number; readonly pool: LevelPool }[],
): Module {
  return {
    parameters: network.module.parameters,
    buffers: network.module.buffers,
    apply: (params, x, context) => {
      const levels = network.levels(params, x, context);
      const rows = wanted.map(({ level, pool }) => {
        const map = levels[level];
        if (map === undefined) throw new UserError(missing(level, levels.length));
        return flattened(pooledLevel(map, level, pool));
      });
      const [only] = rows;
      return rows.length === 1 && only !== undefined ? only : tf.concat(rows, 1);
    },
  };
}

function levelOf(level: number): Level {
  const found = LEVELS[level];
  if (found === undefined) throw new UserError(missing(level, LEVELS.length));
  return found;
}

function missing(level: number, count: number): string {
  return `level ${level}: expected 0 to ${count - 1} (the stem, then the stages)`;
}
