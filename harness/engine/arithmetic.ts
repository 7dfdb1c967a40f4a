import { UserError } from '../base/errors.ts';
import { useLanes } from './lanes.ts';

/**
 * How a process computes. `native`: with the kernels that libtensorflow chooses for this CPU.
 * `portable`: with those that it would choose for one plain CPU, so that every x86-64 CPU with AVX2
 * gives the same bits (`native/portable.ts`).
 */
export const NUMERICS = ['native', 'portable'] as const;
export type Numerics = (typeof NUMERICS)[number];

let held: Numerics | undefined;

/**
 * Says how this process computes. Call it before the library loads, which chooses by it.
 * @throws UserError where the process computes in another way already.
 */
export function useNumerics(numerics: Numerics = 'native'): void {
  held ??= numerics;
  if (held !== numerics)
    throw new UserError(
      `numerics: ${numerics}, but this process computes with ${held} numerics already, which ` +
        'decides bits; run experiments of different numerics in processes of their own',
    );
}

/** Says all that an experiment says of how ops are computed. Call it before the library loads. */
export function useArithmetic(of: {
  readonly lanes: number;
  readonly numerics?: Numerics | undefined;
}): void {
  useNumerics(of.numerics);
  useLanes(of.lanes);
}

/** How this process computes. From here on it is fixed. */
export function heldNumerics(): Numerics {
  held ??= 'native';
  return held;
}

/** Whether layers may compute in this precision. */
export function isWide(numerics: Numerics | undefined, precision: string | undefined): boolean {
  return numerics !== 'portable' || precision === undefined || precision === 'fp32';
}

/** Why bf16 and fp16 are refused. */
export const PORTABLE_IS_WIDE =
  'expected fp32: numerics portable computes with AVX2, which has no instructions for narrow floats';

/**
 * The field of an experiment: native is said by leaving it out, so that experiments which know nothing
 * of it keep their ids.
 */
export function saidNumerics(numerics: Numerics | undefined): { readonly numerics?: 'portable' } {
  return numerics === 'portable' ? { numerics } : {};
}
