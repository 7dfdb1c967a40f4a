import { type Compat, compatSpec } from '../experiment/compat.ts';

/** Everything right: what an experiment has that asks for nothing else. */
export const exactCompat: Compat = Object.freeze(compatSpec.parse({}));
