import type { Case, Kernel } from './case.ts';
import { CONVOLUTIONS } from './convolutions.ts';
import { LAYERS } from './layers.ts';
import { NARROW_PASSES, WIDE_PASSES } from './passes.ts';
import { MATRIX_PRODUCTS, WIDE_PRODUCTS } from './products.ts';
import { SUMS } from './sums.ts';

const IN_BOTH = [...CONVOLUTIONS, ...MATRIX_PRODUCTS, ...LAYERS];
const FP32 = [...IN_BOTH, ...WIDE_PRODUCTS, ...SUMS, ...WIDE_PASSES];
const BF16 = [...IN_BOTH, ...NARROW_PASSES];

/** Every kind of kernel that steps, evaluations and benchmarks run, in the order of their hashes. */
export const CASES: readonly Case[] = [
  ...FP32.map((kernel) => ({ ...kernel, precision: 'fp32' as const })),
  ...BF16.map((kernel: Kernel) => ({ ...kernel, precision: 'bf16' as const })),
];

/** To be raised where what code adds to the cases changes: the values drawn, the passes, how results are hashed. */
export const REVISION = 1;
