import { z } from 'zod';
import { averagePixels, batchNorm, kaiming, linear, relu } from './layers.ts';
import { composed, type Initial, type Module, sequential } from './module.ts';

/** What stands between backbone and loss (methods.md 1.2). `out`: features a sample, D. */
export const neckSpec = z
  .discriminatedUnion('kind', [
    /** Average pool, fc. */
    z.strictObject({
      kind: z.literal('linear'),
      out: z.int().positive().default(128),
    }),
    /** Average pool, fc, ReLU, fc. */
    z.strictObject({
      kind: z.literal('mlp'),
      hidden: z.int().positive().default(2048),
      out: z.int().positive().default(128),
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
      /** Statistics of one replica's batch, or of all replicas' together. */
      norm: z.enum(['batch', 'sync']).default('sync'),
    }),
  ])
  .readonly();
export type NeckSpec = z.infer<typeof neckSpec>;

/**
 * The neck, [N, H, W, channels] → [N, out], float32 or the precision of the trace.
 * @param initial how a fully connected weight starts, given its inputs; biases start at 0.
 */
export function neck(
  spec: NeckSpec,
  channels: number,
  initial: (inputs: number) => Initial = kaiming,
): Module {
  const fc = (inputs: number, outputs: number, bias = true) =>
    linear({ inputs, outputs, bias, initial: initial(inputs) });
  switch (spec.kind) {
    case 'linear':
      return pooled({ fc: fc(channels, spec.out) }, 'fc');
    case 'mlp':
      return pooled(
        { mlp: sequential([fc(channels, spec.hidden), relu, fc(spec.hidden, spec.out)]) },
        'mlp',
      );
    case 'simclr':
      return simclr(spec, channels, fc);
  }
}

/** `fc0`, `bn0`, then ReLU, `fc1`, `bn1` and so on: NonLinearNeckSimCLR of the original. */
function simclr(
  { layers, hidden, out, bias, lastNorm, norm }: Extract<NeckSpec, { readonly kind: 'simclr' }>,
  channels: number,
  fc: (inputs: number, outputs: number, bias: boolean) => Module,
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
      averagePixels.apply({}, x, context),
    ),
  );
}

function pooled<Name extends string>(children: Readonly<Record<Name, Module>>, name: Name): Module {
  return composed(children, (call, x, context) => call(name, averagePixels.apply({}, x, context)));
}
