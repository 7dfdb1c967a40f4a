import { z } from 'zod';
import { UserError } from '../base/errors.ts';
import { flattened, globalAvgPool } from '../engine/ops/pooling.ts';
import { type Tensor, tf } from '../engine/tf.ts';
import { averagePixels, batchNorm, dropout, kaiming, linear, relu, stateless } from './layers.ts';
import { composed, type Initial, type LayerContext, type Module, sequential } from './module.ts';

/** Statistics of one replica's batch, or of all replicas' together. */
const norm = z.enum(['batch', 'sync']);
const share = z.number().min(0).max(1);
/**
 * Values of a map, H W C: it comes as it is, flattened as C, H, W, instead of averaged over pixels.
 */
const unpooled = z.int().positive().optional();

/**
 * What stands between backbone and loss (docs/reference/methods.md, section 1.2).
 * `out`: features a sample, D.
 */
export const neckSpec = z
  .discriminatedUnion('kind', [
    /** Average pool, fc. */
    z.strictObject({
      kind: z.literal('linear'),
      out: z.int().positive().default(128),
      unpooled,
    }),
    /** Average pool, fc, a norm where asked, ReLU, fc. */
    z.strictObject({
      kind: z.literal('mlp'),
      hidden: z.int().positive().default(2048),
      out: z.int().positive().default(128),
      /** Behind the first fc: none, over one replica's batch, or over all replicas' together. */
      norm: z.enum(['none', 'batch', 'sync']).default('none'),
      unpooled,
    }),
    /** Average pool, then layers: fc, a norm and a ReLU each, the last one as it is told. */
    z.strictObject({
      kind: z.literal('layers'),
      /** Widths of the layers before the last; none where one layer is all. */
      hidden: z.array(z.int().positive()).readonly().default([2048]),
      out: z.int().positive().default(128),
      /** Biases of the fully connected layers. */
      bias: z.boolean().default(false),
      norm: norm.default('sync'),
      /** Weight of a batch in the running statistics of the norms. */
      normMomentum: share.default(0.1),
      /** Scale and shift of the norms. */
      affine: z.boolean().default(true),
      /** A norm behind the last fc. */
      lastNorm: z.boolean().default(true),
      /** A ReLU at the end, so that no feature is negative. */
      lastRelu: z.boolean().default(false),
      /** Share of features dropped behind the ReLU of every layer but the last, or of the only one. */
      dropout: z.number().min(0).lt(1).default(0),
      /** A single layer has a number in its names too: `fc0`, not `fc`. */
      numbered: z.literal(true).optional(),
      unpooled,
    }),
  ])
  .readonly();
export type NeckSpec = z.infer<typeof neckSpec>;
type NeckOf<Kind extends NeckSpec['kind']> = Extract<NeckSpec, { readonly kind: Kind }>;
/** What a neck makes of a map first: [N, H, W, C] → [N, D]. */
type Pool = (x: Tensor, context: LayerContext) => Tensor;
type FullyConnected = (inputs: number, outputs: number, bias?: boolean) => Module;

/**
 * The neck, [N, H, W, channels] → [N, out], float32 or the precision of the trace; as a predictor,
 * which stands on a neck, [N, channels] → [N, out].
 * @throws UserError when applied to a map of another size than its `unpooled` says.
 * @param initial how a fully connected weight starts, given its inputs
 * @param initialBias where its bias starts
 */
export function neck(
  spec: NeckSpec,
  channels: number,
  initial: (inputs: number) => Initial = kaiming,
  initialBias = 0,
): Module {
  const inputs = spec.unpooled ?? channels;
  const pool = spec.unpooled === undefined ? averaged : wholeMap(spec.unpooled);
  const fc: FullyConnected = (inputs, outputs, bias = true) =>
    linear({ inputs, outputs, bias, initial: initial(inputs), initialBias });
  switch (spec.kind) {
    case 'linear':
      return sequence(pool, { fc: fc(inputs, spec.out) }, 'fc');
    case 'mlp': {
      const { hidden, out, norm } = spec;
      const norms = norm === 'none' ? [] : [batchNorm({ channels: hidden, sync: norm === 'sync' })];
      const mlp = sequential([fc(inputs, hidden), ...norms, relu, fc(hidden, out)]);
      return sequence(pool, { mlp }, 'mlp');
    }
    case 'layers':
      return layers(spec, pool, inputs, fc);
  }
}

/** The average over pixels alone, [N, H, W, C] → [N, 1, 1, C]: AvgPoolNeck of the original. */
export const averageNeck: Module = stateless((x) => {
  const [count = 0, , , channels = 0] = x.shape;
  return tf.reshape(globalAvgPool(x), [count, 1, 1, channels]);
});

/**
 * `fc0`, `bn0`, then ReLU, `fc1`, `bn1` and so on; a single layer is `fc`, `bn`. As files of the original
 * name NonLinearNeckSimCLR, NonLinearNeckV0 and RelativeLocNeck.
 */
function layers(spec: NeckOf<'layers'>, pool: Pool, inputs: number, fc: FullyConnected): Module {
  const { bias, normMomentum: momentum, affine, lastNorm, lastRelu } = spec;
  const widths = [...spec.hidden, spec.out];
  const last = widths.length - 1;
  const sync = spec.norm === 'sync';
  const children = new Map<string, Module>();
  const each = widths.map((width, i) => {
    const number = last === 0 && !spec.numbered ? '' : String(i);
    const names = { fc: `fc${number}`, bn: `bn${number}`, drop: i === 0 ? 'drop' : `drop${i}` };
    const normed = i < last || lastNorm;
    const dropped = spec.dropout > 0 && (i < last || last === 0);
    children.set(names.fc, fc(widths[i - 1] ?? inputs, width, bias));
    if (normed) children.set(names.bn, batchNorm({ channels: width, momentum, affine, sync }));
    if (dropped) children.set(names.drop, dropout(spec.dropout));
    return { names, normed, dropped, rectified: i < last || lastRelu };
  });
  return composed(Object.fromEntries(children), (call, x, context) =>
    each.reduce(
      (input, { names, normed, dropped, rectified }) => {
        const y = call(names.fc, input);
        const z = normed ? call(names.bn, y) : y;
        const r = rectified ? relu.apply({}, z, context) : z;
        return dropped ? call(names.drop, r) : r;
      },
      pool(x, context),
    ),
  );
}

function sequence<Name extends string>(
  pool: Pool,
  children: Readonly<Record<Name, Module>>,
  name: Name,
): Module {
  return composed(children, (call, x, context) => call(name, pool(x, context)));
}

/** Features of images are averaged over pixels; rows stay as they are. */
function averaged(x: Tensor, context: LayerContext): Tensor {
  return x.rank === 2 ? x : averagePixels.apply({}, x, context);
}

/** A map of so many values a sample, flattened as files have it. */
function wholeMap(values: number): Pool {
  return (x) => {
    const map = x.shape.slice(1);
    const found = map.reduce((a, b) => a * b, 1);
    if (found !== values)
      throw new UserError(
        `neck.unpooled: ${values}, but the map before it, [${map}], has ${found} values; use ${found}`,
      );
    return x.rank === 2 ? x : flattened(x);
  };
}
