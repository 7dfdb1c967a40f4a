import { UserError } from '../base/index.ts';
import type { HostArray } from '../engine/array.ts';

/** An array as float32, and what had to be rounded for that. */
export interface Widened {
  readonly value: HostArray;
  /** Values of a float64 array that no float32 has. */
  readonly rounded: number;
}

/**
 * Floating-point values as float32, in which networks compute. Those of float16 and bfloat16 keep their value, and
 * a NaN its sign and payload; those of float64 are rounded to the nearest. All other types stay as they are.
 * @param what names the tensor in messages.
 * @throws UserError for a float64 that is too large for any float32.
 */
export function asFloat32(array: HostArray, what: string): Widened {
  const { dtype, shape, data } = array;
  const bits = new Uint32Array(dtype === 'float16' || dtype === 'bfloat16' ? data.length : 0);
  if (dtype === 'bfloat16') for (let i = 0; i < bits.length; i++) bits[i] = Number(data[i]) << 16;
  else if (dtype === 'float16')
    for (let i = 0; i < bits.length; i++) bits[i] = float16Bits(Number(data[i]));
  else return dtype === 'float64' ? narrowed(array, what) : { value: array, rounded: 0 };
  return { value: { dtype: 'float32', shape, data: new Float32Array(bits.buffer) }, rounded: 0 };
}

/** The bits of the float32 that has the value of a float16, by its bits. */
export function float16Bits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  // A subnormal of the narrow type is a normal number of the wide one: its first bit becomes the hidden one.
  const shift = Math.clz32(fraction) - 21;
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
}

function narrowed({ shape, data }: HostArray, what: string): Widened {
  const narrow = Float32Array.from(data, Number);
  let rounded = 0;
  for (let i = 0; i < narrow.length; i++) {
    const [wide, near] = [Number(data[i]), narrow[i] ?? 0];
    if (Object.is(wide, near)) continue;
    if (Number.isFinite(wide) && !Number.isFinite(near))
      throw new UserError(`${what} holds ${wide}, too large for the float32 of a network`);
    rounded++;
  }
  return { value: { dtype: 'float32', shape, data: narrow }, rounded };
}
