import { flattened } from '../engine/ops/pooling.ts';
import { batchNorm, groupNorm, linear } from './layers.ts';
import { type LevelPool, pooledLevel, pooledWidth } from './levels.ts';
import { composed, fixed, type Module } from './module.ts';

export interface MultiHeadOptions {
  /** Place of each level among the five, from 0, and its channels. */
  readonly levels: readonly { readonly level: number; readonly channels: number }[];
  readonly classes: number;
  readonly pool: LevelPool;
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
    const [norm, fc] = [`norms.${i}`, `fcs.${i}`];
    const children = {
      ...(plain ? {} : { [norm]: normOf(options, channels) }),
      [fc]: classifierOf(pooledWidth(level, channels, pool)),
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
