import { z } from 'zod';

// Apart from what computes it, so that the loader's threads need not hold the schema's library.
/** 64 lower-case hex digits. */
export const Sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hex digits')
  .brand('Sha256');
export type Sha256 = z.infer<typeof Sha256>;
