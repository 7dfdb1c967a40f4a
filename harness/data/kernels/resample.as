// Pillow's resampling (Resample.c) on 8-bit pixels: the steps of ../resample.ts, several at once.

const BITS: i32 = 22;
const HALF: i32 = 1 << (BITS - 1);
const SPLIT: i32 = 11; // bits of the low part of a weight
const LOW: i32 = (1 << SPLIT) - 1;

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
 * Weights that make `output` pixels of `input`. At `at`: i32 first [output], i32 pairs [output], i16
 * weights [output, stride / 2, 4] in fixed point of 22 bits: of each two weights the low 11 bits, then
 * what is above, so that a product of 16-bit numbers takes two pixels. Behind the last they are 0.
 * @param stride even, and more than any pixel has weights @returns the most pairs that a pixel has
 */
export function weights(input: i32, output: i32, bicubic: bool, stride: i32, at: usize): i32 {
  const scale = f64(input) / f64(output);
  const spread = max(scale, 1.0);
  const support = (bicubic ? 2.0 : 1.0) * spread;
  const pairs = at + (usize(output) << 2);
  let values = pairs + (usize(output) << 2);
  let most = 0;
  memory.fill(values, 0, (usize(output) * usize(stride)) << 2);
  for (let i = 0; i < output; i++) {
    const centre = (f64(i) + 0.5) * scale;
    const low = max(0, i32(centre - support + 0.5));
    const count = min(input, i32(centre + support + 0.5)) - low;
    let sum = 0.0;
    for (let j = 0; j < count; j++)
      sum += filter((f64(low + j) - centre + 0.5) / spread, bicubic);
    store<i32>(at + (usize(i) << 2), low);
    store<i32>(pairs + (usize(i) << 2), (count + 1) >> 1);
    most = max(most, (count + 1) >> 1);
    for (let j = 0; j < count; j++) {
      const w = (filter((f64(low + j) - centre + 0.5) / spread, bicubic) / sum) * f64(1 << BITS);
      const whole = i32(w < 0.0 ? w - 0.5 : w + 0.5);
      const place = values + ((usize(j) >> 1) << 3) + ((usize(j) & 1) << 1);
      store<i16>(place, i16(whole & LOW));
      store<i16>(place + 4, i16(whole >> SPLIT));
    }
    values += usize(stride) << 2;
  }
  return most;
}

/** Two pixels, as 16-bit numbers: both reds, both greens, both blues. */
// @ts-ignore: decorator
@inline
function first2(pixels: v128): v128 {
  return i8x16.swizzle(pixels, i8x16(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1));
}

/** As `first2`, of the third and the fourth pixel. */
// @ts-ignore: decorator
@inline
function next2(pixels: v128): v128 {
  return i8x16.swizzle(pixels, i8x16(6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1));
}

/** Products with the low parts of two weights, which lie at `w`, and with the high ones. */
// @ts-ignore: decorator
@inline
function low(pair: v128, w: usize): v128 {
  return i32x4.dot_i16x8_s(pair, v128.load32_splat(w));
}
// @ts-ignore: decorator
@inline
function high(pair: v128, w: usize): v128 {
  return i32x4.dot_i16x8_s(pair, v128.load32_splat(w, 4));
}

/** Both sums of products, put together and rounded. */
// @ts-ignore: decorator
@inline
function joined(lows: v128, highs: v128): v128 {
  const sum = i32x4.add(lows, i32x4.shl(highs, SPLIT));
  return i32x4.shr_s(i32x4.add(sum, i32x4.splat(HALF)), BITS);
}

/** One output pixel, i32 red, green, blue: the most frequent numbers of weights without a loop. */
// @ts-ignore: decorator
@inline
function weighted(pixel: usize, w: usize, pairs: i32): v128 {
  const start = v128.load(pixel);
  const a = first2(start);
  if (pairs == 1) return joined(low(a, w), high(a, w));
  const b = next2(start);
  let lows = i32x4.add(low(a, w), low(b, w + 8));
  let highs = i32x4.add(high(a, w), high(b, w + 8));
  for (let k = 2; k < pairs; k++) {
    pixel += k == 2 ? 12 : 6;
    w += k == 2 ? 16 : 8;
    const c = first2(v128.load64_zero(pixel));
    lows = i32x4.add(lows, low(c, w));
    highs = i32x4.add(highs, high(c, w));
  }
  return joined(lows, highs);
}

/**
 * Horizontal pass from interleaved pixels to three planes. Reads past what it
 * weighs, by less than 6 (pairs + 2) bytes.
 * @param from first pixel of the box @param pitch bytes from row to row of the source
 * @param to [rows, width] @param plane bytes from plane to plane @param pairs the most of a pixel
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
  pairs: i32,
): void {
  const values = at + (usize(width) << 3);
  const step = usize(stride) << 2;
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < (width < 4 ? width : 0); x++) {
      const start = from + 3 * usize(load<i32>(at + (usize(x) << 2)));
      const pixel = weighted(start, values + usize(x) * step, pairs);
      const words = i16x8.narrow_i32x4_s(pixel, pixel);
      const bytes = i8x16.narrow_i16x8_u(words, words);
      v128.store8_lane(to + usize(x), bytes, 0);
      v128.store8_lane(to + plane + usize(x), bytes, 1);
      v128.store8_lane(to + 2 * plane + usize(x), bytes, 2);
    }
    for (let x = 0; x < (width < 4 ? 0 : width); x += 4) {
      const column = usize(min(x, width - 4));
      const starts = at + (column << 2);
      const w = values + column * step;
      const p = weighted(from + 3 * usize(load<i32>(starts)), w, pairs);
      const q = weighted(from + 3 * usize(load<i32>(starts, 4)), w + step, pairs);
      const r = weighted(from + 3 * usize(load<i32>(starts, 8)), w + 2 * step, pairs);
      const s = weighted(from + 3 * usize(load<i32>(starts, 12)), w + 3 * step, pairs);
      const pixels = i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(p, q), i16x8.narrow_i32x4_s(r, s));
      const sorted = i8x16.swizzle(
        pixels,
        i8x16(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, -1, -1, -1, -1),
      );
      v128.store32_lane(to + column, sorted, 0);
      v128.store32_lane(to + plane + column, sorted, 1);
      v128.store32_lane(to + 2 * plane + column, sorted, 2);
    }
    from += pitch;
    to += usize(width);
  }
}

/**
 * Vertical pass of one plane. Writes up to 15 bytes past its end, and reads up to a row and 15 bytes
 * past what it weighs.
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
  const pairs = at + (usize(height) << 2);
  let w = pairs + (usize(height) << 2);
  for (let y: usize = 0; y < usize(height); y++) {
    const top = from + usize(load<i32>(at + (y << 2))) * usize(width);
    const end = w + (usize(load<i32>(pairs + (y << 2))) << 3);
    for (let x: usize = 0; x < usize(width); x += 16) {
      let a = i32x4.splat(0);
      let b = a;
      let c = a;
      let d = a;
      let e = a;
      let f = a;
      let g = a;
      let h = a;
      let pixel = top + x;
      for (let k = w; k < end; k += 8) {
        const one = v128.load(pixel);
        const two = v128.load(pixel + usize(width));
        const left = i8x16.shuffle(one, two, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        const right = i8x16.shuffle(
          one,
          two,
          8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31,
        );
        const p = i16x8.extend_low_i8x16_u(left);
        const q = i16x8.extend_high_i8x16_u(left);
        const r = i16x8.extend_low_i8x16_u(right);
        const s = i16x8.extend_high_i8x16_u(right);
        a = i32x4.add(a, low(p, k));
        b = i32x4.add(b, low(q, k));
        c = i32x4.add(c, low(r, k));
        d = i32x4.add(d, low(s, k));
        e = i32x4.add(e, high(p, k));
        f = i32x4.add(f, high(q, k));
        g = i32x4.add(g, high(r, k));
        h = i32x4.add(h, high(s, k));
        pixel += usize(width) << 1;
      }
      const left = i16x8.narrow_i32x4_s(joined(a, e), joined(b, f));
      const right = i16x8.narrow_i32x4_s(joined(c, g), joined(d, h));
      v128.store(to + x, i8x16.narrow_i16x8_u(left, right));
    }
    to += usize(width);
    w += usize(stride) << 2;
  }
}
