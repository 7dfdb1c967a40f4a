// Pillow's Gaussian blur (BoxBlur.c) on one plane, 16 lines at once: the steps of ../blur.ts.
// Planes have at least 16 rows and columns.

import { transpose16 } from './planes';

const SPLIT: i32 = 15; // bits of the low part of a weight

/** Two weights in turn, 16 bits each. */
// @ts-ignore: decorator
@inline
function inTurn(one: i32, other: i32): v128 {
  return i32x4.splat(one | (other << 16));
}

/** Weighted sums of four places, rounded: each product in two parts, so that it takes 16-bit numbers. */
// @ts-ignore: decorator
@inline
function rounded(pairs: v128, low: v128, high: v128): v128 {
  const parts = i32x4.shl(i32x4.dot_i16x8_s(pairs, high), SPLIT);
  const sum = i32x4.add(i32x4.dot_i16x8_s(pairs, low), parts);
  return i32x4.shr_u(i32x4.add(sum, i32x4.splat(1 << 23)), 24);
}

/** Four sums of a box, each with that of its two ends. */
// @ts-ignore: decorator
@inline
function firstFour(box: v128, ends: v128): v128 {
  return i16x8.shuffle(box, ends, 0, 8, 1, 9, 2, 10, 3, 11);
}
// @ts-ignore: decorator
@inline
function lastFour(box: v128, ends: v128): v128 {
  return i16x8.shuffle(box, ends, 4, 12, 5, 13, 6, 14, 7, 15);
}

/** One box blur along `length` places of 16 lines each; `radius` + 1 places lie free on both sides. */
function pass(from: usize, to: usize, length: i32, radius: i32, inner: i32, far: i32): void {
  const first = v128.load(from);
  const last = v128.load(from + (usize(length - 1) << 4));
  for (let i = 1; i <= radius + 1; i++) {
    v128.store(from - (usize(i) << 4), first);
    v128.store(from + (usize(length - 1 + i) << 4), last);
  }
  const mask = (1 << SPLIT) - 1;
  const fine = inTurn(inner & mask, far & mask);
  const coarse = inTurn(inner >> SPLIT, far >> SPLIT);
  let low = i16x8.splat(0);
  let high = low;
  const reach = usize(radius) << 4;
  for (let p = from - reach; p <= from + reach; p += 16) {
    const bytes = v128.load(p);
    low = i16x8.add(low, i16x8.extend_low_i8x16_u(bytes));
    high = i16x8.add(high, i16x8.extend_high_i8x16_u(bytes));
  }
  const end = from + (usize(length) << 4);
  for (let p = from; p < end; p += 16) {
    const left = v128.load(p - reach - 16);
    const right = v128.load(p + reach + 16);
    const leaving = v128.load(p - reach);
    const rightLow = i16x8.extend_low_i8x16_u(right);
    const rightHigh = i16x8.extend_high_i8x16_u(right);
    const endsLow = i16x8.add(i16x8.extend_low_i8x16_u(left), rightLow);
    const endsHigh = i16x8.add(i16x8.extend_high_i8x16_u(left), rightHigh);
    const a = rounded(firstFour(low, endsLow), fine, coarse);
    const b = rounded(lastFour(low, endsLow), fine, coarse);
    const c = rounded(firstFour(high, endsHigh), fine, coarse);
    const d = rounded(lastFour(high, endsHigh), fine, coarse);
    const e = i16x8.narrow_i32x4_s(a, b);
    const f = i16x8.narrow_i32x4_s(c, d);
    v128.store(to, i8x16.narrow_i16x8_u(e, f));
    to += 16;
    low = i16x8.add(low, i16x8.sub(rightLow, i16x8.extend_low_i8x16_u(leaving)));
    high = i16x8.add(high, i16x8.sub(rightHigh, i16x8.extend_high_i8x16_u(leaving)));
  }
}

/** Three passes; the result is at `other`. Both have room for `radius` + 1 places before and after. */
function passes(one: usize, other: usize, length: i32, radius: i32, inner: i32, far: i32): void {
  pass(one, other, length, radius, inner, far);
  pass(other, one, length, radius, inner, far);
  pass(one, other, length, radius, inner, far);
}

/** Blurs along rows. @param room two strips of (width + 2 radius + 2) 16 bytes, then 512 bytes */
export function blurRows(
  from: usize,
  to: usize,
  width: i32,
  height: i32,
  radius: i32,
  inner: i32,
  far: i32,
  room: usize,
): void {
  const strip = usize(width + 2 * radius + 2) << 4;
  const one = room + (usize(radius + 1) << 4);
  const other = one + strip;
  const scratch = room + 2 * strip;
  for (let y = 0; y < height; y += 16) {
    const row = usize(min(y, height - 16)) * usize(width);
    for (let x = 0; x < width; x += 16) {
      const column = usize(min(x, width - 16));
      transpose16(from + row + column, usize(width), one + (column << 4), 16, scratch);
    }
    passes(one, other, width, radius, inner, far);
    for (let x = 0; x < width; x += 16) {
      const column = usize(min(x, width - 16));
      transpose16(other + (column << 4), 16, to + row + column, usize(width), scratch);
    }
  }
}

/** Blurs along columns. @param room two strips of (height + 2 radius + 2) 16 bytes */
export function blurColumns(
  from: usize,
  to: usize,
  width: i32,
  height: i32,
  radius: i32,
  inner: i32,
  far: i32,
  room: usize,
): void {
  const one = room + (usize(radius + 1) << 4);
  const other = one + (usize(height + 2 * radius + 2) << 4);
  for (let x = 0; x < width; x += 16) {
    const column = usize(min(x, width - 16));
    for (let y: usize = 0; y < usize(height); y++)
      v128.store(one + (y << 4), v128.load(from + y * usize(width) + column));
    passes(one, other, height, radius, inner, far);
    for (let y: usize = 0; y < usize(height); y++)
      v128.store(to + y * usize(width) + column, v128.load(other + (y << 4)));
  }
}
