import { z } from 'zod';
import { globalAvgPool } from '../engine/ops/pooling.ts';
import { type Tensor, tf } from '../engine/tf.ts';
import { averagePixels, batchNorm, dropout, kaiming, linear, relu, stateless } from './layers.ts';
import { composed, type Initial, type LayerContext, type Module, sequential } from './module.ts';

/** Statistics of one replica's batch, or of all replicas' together. */
const norm = z.enum(['batch', 'sync']);
const share = z.number().min(0).max(1);
const dropped = z.number().min(0).lt(1);

/** What stands between backbone and loss (methods.md 1.2). `out`: features a sample, D. */
export const neckSpec = z
  .discriminatedUnion('kind', [
    /** Average pool, fc. */
    z.strictObject({
      kind: z.literal('linear'),
      out: z.int().positive().default(128),
    }),
    /** Average pool, fc, a norm where asked, ReLU, fc. */
    z.strictObject({
      kind: z.literal('mlp'),
      hidden: z.int().positive().default(2048),
      out: z.int().positive().default(128),
      /** Behind the first fc: none, over one replica's batch, or over all replicas' together. */
      norm: z.enum(['none', 'batch', 'sync']).default('none'),
    }),
    /** Average pool, fc, norm, then ReLU, fc, norm for each further layer; fc without bias. */
    z.strictObject({
      kind: z.literal('simclr'),
      hidden: z.int().positive().default(2048),
      out: z.int().positive().default(128),
      layers: z.int().min(2).default(2),
      bias: z.boolean().default(false),
      /** A norm behind the last fc. */
      lastNorm: z.boolean().default(true),
      norm: norm.default('sync'),
    }),
    /** Average pool, fc, norm without scale and shift, ReLU, dropout, fc, ReLU. */
    z.strictObject({
      kind: z.literal('odc'),
      hidden: z.int().positive().default(512),
      out: z.int().positive().default(256),
      /** Weight of a batch in the running statistics. */
      normMomentum: share.default(0.001),
      /** Share of features that are dropped. */
      dropout: dropped.default(0.5),
      norm: norm.default('batch'),
    }),
    /** Average pool, fc, norm, ReLU, dropout. */
    z.strictObject({
      kind: z.literal('relativeLoc'),
      out: z.int().positive().default(4096),
      normMomentum: share.default(0.003),
      dropout: dropped.default(0.5),
      norm: norm.default('batch'),
    }),
  ])
  .readonly();
export type NeckSpec = z.infer<typeof neckSpec>;
type NeckOf<Kind extends NeckSpec['kind']> = Extract<NeckSpec, { readonly kind: Kind }>;
type FullyConnected = (inputs: number, outputs: number, bias?: boolean) => Module;

/**
 * The neck, [N, H, W, channels] → [N, out], float32 or the precision of the trace; as a predictor,
 * which stands on a neck, [N, channels] → [N, out].
 * @param initial how a fully connected weight starts, given its inputs
 * @param initialBias where its bias starts
 */
export function neck(
  spec: NeckSpec,
  channels: number,
  initial: (inputs: number) => Initial = kaiming,
  initialBias = 0,
): Module {
  const fc: FullyConnected = (inputs, outputs, bias = true) =>
    linear({ inputs, outputs, bias, initial: initial(inputs), initialBias });
  switch (spec.kind) {
    case 'linear':
      return pooled({ fc: fc(channels, spec.out) }, 'fc');
    case 'mlp': {
      const { hidden, out, norm } = spec;
      const norms = norm === 'none' ? [] : [batchNorm({ channels: hidden, sync: norm === 'sync' })];
      const mlp = sequential([fc(channels, hidden), ...norms, relu, fc(hidden, out)]);
      return pooled({ mlp }, 'mlp');
    }
    case 'simclr':
      return simclr(spec, channels, fc);
    case 'odc':
      return odc(spec, channels, fc);
    case 'relativeLoc':
      return relativeLoc(spec, channels, fc);
  }
}

/** The average over pixels alone, [N, H, W, C] → [N, 1, 1, C]: AvgPoolNeck of the original. */
export const averageNeck: Module = stateless((x) => {
  const [count = 0, , , channels = 0] = x.shape;
  return tf.reshape(globalAvgPool(x), [count, 1, 1, channels]);
});

/** NonLinearNeckV0 of the original. Its features pass the last ReLU, so none is negative. */
function odc(spec: NeckOf<'odc'>, channels: number, fc: FullyConnected): Module {
  const { hidden, out, normMomentum: momentum } = spec;
  const sync = spec.norm === 'sync';
  const children = {
    fc0: fc(channels, hidden),
    bn0: batchNorm({ channels: hidden, momentum, affine: false, sync }),
    drop: dropout(spec.dropout),
    fc1: fc(hidden, out),
  };
  return composed(children, (call, x, context) => {
    const y = call('bn0', call('fc0', averagePixels.apply({}, x, context)));
    return relu.apply({}, call('fc1', call('drop', relu.apply({}, y, context))), context);
  });
}

/** RelativeLocNeck of the original. */
function relativeLoc(spec: NeckOf<'relativeLoc'>, channels: number, fc: FullyConnected): Module {
  const { out, normMomentum: momentum } = spec;
  const children = {
    fc: fc(channels, out),
    bn: batchNorm({ channels: out, momentum, sync: spec.norm === 'sync' }),
    drop: dropout(spec.dropout),
  };
  return composed(children, (call, x, context) => {
    const y = call('bn', call('fc', averagePixels.apply({}, x, context)));
    return call('drop', relu.apply({}, y, context));
  });
}

/** `fc0`, `bn0`, then ReLU, `fc1`, `bn1` and so on: NonLinearNeckSimCLR of the original. */
function simclr(
  { layers, hidden, out, bias, lastNorm, norm }: NeckOf<'simclr'>,
  channels: number,
  fc: FullyConnected,
): Module {
  const sync = norm === 'sync';
  const children = new Map<string, Module>();
  for (let i = 0; i < layers; i++) {
    const outputs = i === layers - 1 ? out : hidden;
    children.set(`fc${i}`, fc(i === 0 ? channels : hidden, outputs, bias));
    if (i < layers - 1 || lastNorm) children.set(`bn${i}`, batchNorm({ channels: outputs, sync }));
  }
  return composed(Object.fromEntries(children), (call, x, context) =>
    [...children.keys()].reduce(
      (y, name) =>
        call(name, name.startsWith('fc') && name !== 'fc0' ? relu.apply({}, y, context) : y),
      flattened(x, context),
    ),
  );
}

function pooled<Name extends string>(children: Readonly<Record<Name, Module>>, name: Name): Module {
  return composed(children, (call, x, context) => call(name, flattened(x, context)));
}

/** Features of images are averaged over pixels; rows stay as they are. */
function flattened(x: Tensor, context: LayerContext): Tensor {
  return x.rank === 2 ? x : averagePixels.apply({}, x, context);
}
