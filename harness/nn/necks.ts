import { z } from 'zod';
import { averagePixels, kaiming, linear, relu } from './layers.ts';
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
  const fc = (inputs: number, outputs: number) =>
    linear({ inputs, outputs, initial: initial(inputs) });
  switch (spec.kind) {
    case 'linear':
      return pooled({ fc: fc(channels, spec.out) }, 'fc');
    case 'mlp':
      return pooled(
        { mlp: sequential([fc(channels, spec.hidden), relu, fc(spec.hidden, spec.out)]) },
        'mlp',
      );
  }
}

function pooled<Name extends string>(children: Readonly<Record<Name, Module>>, name: Name): Module {
  return composed(children, (call, x, context) => call(name, averagePixels.apply({}, x, context)));
}
