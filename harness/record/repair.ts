import { z } from 'zod';
import { Sha256 } from '../base/index.ts';

/** An image file whose content is another since a moment of the run, before which the run had not used it. */
export const Repair = z.strictObject({
  /** Of the data: `train`, `evaluation.train`, `evaluation.test`. */
  use: z.string(),
  /** Place in the source. */
  index: z.int().nonnegative(),
  /** Path in the source. */
  name: z.string(),
  /** SHA-256 of the file. */
  before: Sha256,
  after: Sha256,
  /** Micro-steps finished when the run went on with the file as it is now. */
  step: z.int().nonnegative(),
});
export type Repair = z.infer<typeof Repair>;

/**
 * SHA-256 by use: the manifests of `train`, `evaluation.train`, …, as they are now, and `pretrained`; and which files
 * were repaired on the way, oldest first.
 */
export const RunData = z.object({ repaired: z.array(Repair).optional() }).catchall(Sha256);
export type RunData = z.infer<typeof RunData>;

/** The hashes alone, by use. */
export function hashesOf({ repaired: _, ...hashes }: RunData): Readonly<Record<string, string>> {
  return hashes;
}
