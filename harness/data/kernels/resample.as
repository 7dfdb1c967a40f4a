// Pillow's resampling (Resample.c) on 8-bit pixels: the steps of ../resample.ts, several at once.

const BITS: i32 = 22;
const HALF: i32 = 1 << (BITS - 1);

// @ts-ignore: decorator
@inline
function filter(x: f64, bicubic: bool): f64 {
  const y = abs(x);
  if (!bicubic) return max(0.0, 1.0 - y);
  const a = -0.5;
  if (y < 1.0) return ((a + 2.0) * y - (a + 3.0)) * y * y + 1.0;
  return y < 2.0 ? (((y - 5.0) * y + 8.0) * y - 4.0) * a : 0.0;
}

/**
 * Weights that make `output` pixels of `input`. At `at`: i32 first [output], i32 count [output], i32
 * weights [output, stride] in fixed point of 22 bits.
 */
export function weights(input: i32, output: i32, bicubic: bool, stride: i32, at: usize): void {
  const scale = f64(input) / f64(output);
  const spread = max(scale, 1.0);
  const support = (bicubic ? 2.0 : 1.0) * spread;
  const counts = at + (usize(output) << 2);
  let values = counts + (usize(output) << 2);
  for (let i = 0; i < output; i++) {
    const centre = (f64(i) + 0.5) * scale;
    const low = max(0, i32(centre - support + 0.5));
    const count = min(input, i32(centre + support + 0.5)) - low;
    let sum = 0.0;
    for (let j = 0; j < count; j++)
      sum += filter((f64(low + j) - centre + 0.5) / spread, bicubic);
    store<i32>(at + (usize(i) << 2), low);
    store<i32>(counts + (usize(i) << 2), count);
    for (let j = 0; j < count; j++) {
      const w = (filter((f64(low + j) - centre + 0.5) / spread, bicubic) / sum) * f64(1 << BITS);
      store<i32>(values + (usize(j) << 2), i32(w < 0.0 ? w - 0.5 : w + 0.5));
    }
    values += usize(stride) << 2;
  }
}

/**
 * Horizontal pass from interleaved pixels to three planes.
 * @param from first pixel of the box @param pitch bytes from row to row of the source
 * @param to [rows, width] @param plane bytes from plane to plane
 */
export function horizontal(
  from: usize,
  pitch: usize,
  rows: i32,
  to: usize,
  plane: usize,
  width: i32,
  at: usize,
  stride: i32,
): void {
  const counts = at + (usize(width) << 2);
  const values = counts + (usize(width) << 2);
  const step = usize(stride) << 2;
  for (let y = 0; y < rows; y++) {
    let w = values;
    for (let x: usize = 0; x < usize(width); x++) {
      let pixel = from + 3 * usize(load<i32>(at + (x << 2)));
      const end = w + (usize(load<i32>(counts + (x << 2))) << 2);
      let sum = i32x4.splat(HALF);
      for (let k = w; k < end; k += 4) {
        const rgb = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(pixel)));
        sum = i32x4.add(sum, i32x4.mul(rgb, v128.load32_splat(k)));
        pixel += 3;
      }
      sum = i32x4.shr_s(sum, BITS);
      sum = i16x8.narrow_i32x4_s(sum, sum);
      sum = i8x16.narrow_i16x8_u(sum, sum);
      v128.store8_lane(to + x, sum, 0);
      v128.store8_lane(to + plane + x, sum, 1);
      v128.store8_lane(to + 2 * plane + x, sum, 2);
      w += step;
    }
    from += pitch;
    to += usize(width);
  }
}

/**
 * Vertical pass of one plane. Writes up to 15 bytes past its end.
 * @param from [rows, width] @param to [height, width]
 */
export function vertical(
  from: usize,
  to: usize,
  width: i32,
  height: i32,
  at: usize,
  stride: i32,
): void {
  const counts = at + (usize(height) << 2);
  let w = counts + (usize(height) << 2);
  for (let y: usize = 0; y < usize(height); y++) {
    const top = from + usize(load<i32>(at + (y << 2))) * usize(width);
    const end = w + (usize(load<i32>(counts + (y << 2))) << 2);
    for (let x: usize = 0; x < usize(width); x += 16) {
      let a = i32x4.splat(HALF);
      let b = a;
      let c = a;
      let d = a;
      let pixel = top + x;
      for (let k = w; k < end; k += 4) {
        const weight = v128.load32_splat(k);
        const bytes = v128.load(pixel);
        const low = i16x8.extend_low_i8x16_u(bytes);
        const high = i16x8.extend_high_i8x16_u(bytes);
        a = i32x4.add(a, i32x4.mul(i32x4.extend_low_i16x8_u(low), weight));
        b = i32x4.add(b, i32x4.mul(i32x4.extend_high_i16x8_u(low), weight));
        c = i32x4.add(c, i32x4.mul(i32x4.extend_low_i16x8_u(high), weight));
        d = i32x4.add(d, i32x4.mul(i32x4.extend_high_i16x8_u(high), weight));
        pixel += usize(width);
      }
      const low = i16x8.narrow_i32x4_s(i32x4.shr_s(a, BITS), i32x4.shr_s(b, BITS));
      const high = i16x8.narrow_i32x4_s(i32x4.shr_s(c, BITS), i32x4.shr_s(d, BITS));
      v128.store(to + x, i8x16.narrow_i16x8_u(low, high));
    }
    to += usize(width);
    w += usize(stride) << 2;
  }
}
