import { flattened } from '../engine/ops/pooling.ts';
import { type Tensor, tf } from '../engine/tf.ts';
import { batchNorm, groupNorm, linear } from './layers.ts';
import { type LevelPool, pooledLevel, pooledWidth } from './levels.ts';
import { composed, fixed, type LayerContext, type Module, type Params } from './module.ts';

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
  /** Deviation of the weights at the start, 0.01 unless given; biases are 0. */
  readonly initStd?: number;
  /** One more head, on the last of the levels as it is: values of its whole map. */
  readonly whole?: number;
}

/** The original's. */
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
  const { levels, pool } = options;
  const heads = pooledHeads(options).map(({ parameters, buffers, apply }, i) => ({
    parameters,
    buffers,
    apply: (params: Params, x: Tensor, context: LayerContext) =>
      apply(params, pooledLevel(x, levels[i]?.level ?? 0, pool), context),
  }));
  if (options.whole === undefined) return heads;
  const last = `fcs.${levels.length}`;
  const whole = composed({ [last]: classifierOf(options.whole, options) }, (call, x) =>
    call(last, flattened(x)),
  );
  return [...heads, whole];
}

/**
 * The same heads on levels that are pooled already, as one module.
 * @returns [N, sum of `pooledWidth`], levels one behind the other, each flattened as C, H, W, as
 *   `levelRows` gives them → [N, heads classes], the logits of one head behind those of the other
 */
export function rowHeads(options: Omit<MultiHeadOptions, 'whole'>): Module {
  const { levels, pool } = options;
  const heads = pooledHeads(options);
  const widths = levels.map(({ level, channels }) => pooledWidth(level, channels, pool));
  return {
    parameters: new Map(heads.flatMap(({ parameters }) => [...parameters])),
    buffers: new Map(heads.flatMap(({ buffers }) => [...buffers])),
    apply: (params, x, context) => {
      const [count = 0] = x.shape;
      let from = 0;
      const logits = heads.map(({ apply }, i) => {
        const [width = 0, channels = 1] = [widths[i], levels[i]?.channels];
        const side = Math.round(Math.sqrt(width / channels));
        const own = tf.slice(x, [0, from], [count, width]);
        from += width;
        const map = tf.transpose(tf.reshape(own, [count, channels, side, side]), [0, 2, 3, 1]);
        return apply(params, map, context);
      });
      return tf.concat(logits, 1);
    },
  };
}

/** A head a level, on its pooled map [N, side, side, channels]. */
function pooledHeads(options: Omit<MultiHeadOptions, 'whole'>): readonly Module[] {
  const { levels, pool, plain } = options;
  return levels.map(({ level, channels }, i) => {
    const [norm, fc] = [`norms.${i}`, `fcs.${i}`];
    const children = {
      ...(plain ? {} : { [norm]: normOf(options, channels) }),
      [fc]: classifierOf(pooledWidth(level, channels, pool), options),
    };
    return composed(children, (call, pooled) =>
      call(fc, flattened(plain ? pooled : call(norm, pooled))),
    );
  });
}

function classifierOf(
  inputs: number,
  { classes, initStd = STD }: Pick<MultiHeadOptions, 'classes' | 'initStd'>,
): Module {
  return linear({ inputs, outputs: classes, initial: { kind: 'normal', std: initStd } });
}

function normOf(options: MultiHeadOptions, channels: number): Module {
  const { sync, momentum = 0.1, affine = false, epsilon, groups, normLearns = true } = options;
  const own = { channels, affine, ...(epsilon === undefined ? {} : { epsilon }) };
  const module =
    groups === undefined ? batchNorm({ ...own, momentum, sync }) : groupNorm({ ...own, groups });
  return normLearns ? module : fixed(module);
}
