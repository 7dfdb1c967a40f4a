import { z } from 'zod';

/** Options of compatibility by name; each says what is right and what the original does. */
export type CompatFields = Readonly<Record<string, z.ZodDefault<z.ZodEnum>>>;

/**
 * Where the original system does something else than its papers and a published number depends on it,
 * an option gives its behaviour. Defaults are right. `docs/compat.md` has the table.
 */
const commonCompat = {
  /**
   * LARS: which parameters have neither layer-wise rate nor weight decay. `exact`: every norm's scale
   * and shift and every bias. `original`: by name, which misses norms called `downsample.1` or `mlp.1`.
   */
  larsExclusion: z.enum(['exact', 'original']).default('exact'),
  /**
   * LARS: a tensor whose weight or gradient has norm 0. `exact`: takes the plain rate. `original`:
   * never moves (and divides 0 by 0 where both are 0 without decay; here it stands still).
   */
  larsZeroNorm: z.enum(['exact', 'original']).default('exact'),
  /** Order of samples. `seeded`: from seed and epoch. `original`: from the epoch alone. */
  dataOrder: z.enum(['seeded', 'original']).default('seeded'),
};

/** Common options, and those of the experiment's method under the names that it gives them. */
export const compatSpec = z.object(commonCompat).catchall(z.string()).readonly();
export type Compat = z.output<typeof compatSpec>;

/** The schema of `compat` for a method with these options of its own. */
export function compatOf(own: CompatFields = {}): z.ZodType<Compat> {
  return z.strictObject({ ...commonCompat, ...own }).readonly();
}
