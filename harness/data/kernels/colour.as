// Pillow's colour operations on three planes of bytes: the steps of ../colour.ts, 16 pixels at once.
// Planes may be read and written up to 15 bytes past their end.

// @ts-ignore: decorator
@inline
function lumaOf4(r: v128, g: v128, b: v128): v128 {
  const sum = i32x4.add(i32x4.add(r, g), b);
  return i32x4.shr_u(i32x4.add(sum, i32x4.splat(0x8000)), 16);
}

/** 8-bit luma of 16 pixels (ITU-R 601-2). */
// @ts-ignore: decorator
@inline
function luma16(r: v128, g: v128, b: v128): v128 {
  const x = i16x8.splat(19595);
  const y = i16x8.splat(<i16>38470);
  const z = i16x8.splat(7471);
  const r0 = i16x8.extend_low_i8x16_u(r);
  const g0 = i16x8.extend_low_i8x16_u(g);
  const b0 = i16x8.extend_low_i8x16_u(b);
  const r1 = i16x8.extend_high_i8x16_u(r);
  const g1 = i16x8.extend_high_i8x16_u(g);
  const b1 = i16x8.extend_high_i8x16_u(b);
  const p = lumaOf4(
    i32x4.extmul_low_i16x8_u(r0, x),
    i32x4.extmul_low_i16x8_u(g0, y),
    i32x4.extmul_low_i16x8_u(b0, z),
  );
  const q = lumaOf4(
    i32x4.extmul_high_i16x8_u(r0, x),
    i32x4.extmul_high_i16x8_u(g0, y),
    i32x4.extmul_high_i16x8_u(b0, z),
  );
  const s = lumaOf4(
    i32x4.extmul_low_i16x8_u(r1, x),
    i32x4.extmul_low_i16x8_u(g1, y),
    i32x4.extmul_low_i16x8_u(b1, z),
  );
  const t = lumaOf4(
    i32x4.extmul_high_i16x8_u(r1, x),
    i32x4.extmul_high_i16x8_u(g1, y),
    i32x4.extmul_high_i16x8_u(b1, z),
  );
  return i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(p, q), i16x8.narrow_i32x4_s(s, t));
}

/** Sum of the luma of all pixels. */
export function lumaSum(at: usize, plane: usize, count: usize): f64 {
  let sum: u64 = 0;
  let i: usize = 0;
  for (; i + 16 <= count; i += 16) {
    const p = at + i;
    const grey = luma16(v128.load(p), v128.load(p + plane), v128.load(p + 2 * plane));
    const pairs = i16x8.extadd_pairwise_i8x16_u(grey);
    const fours = i32x4.extadd_pairwise_i16x8_u(pairs);
    sum += u64(i32x4.extract_lane(fours, 0) + i32x4.extract_lane(fours, 1));
    sum += u64(i32x4.extract_lane(fours, 2) + i32x4.extract_lane(fours, 3));
  }
  for (; i < count; i++) {
    const p = at + i;
    const r = u32(load<u8>(p));
    const g = u32(load<u8>(p + plane));
    const b = u32(load<u8>(p + 2 * plane));
    sum += u64((r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16);
  }
  return f64(sum);
}

/** Every channel becomes the luma. */
export function grayscale(at: usize, plane: usize, count: usize): void {
  for (let p = at; p < at + count; p += 16) {
    const grey = luma16(v128.load(p), v128.load(p + plane), v128.load(p + 2 * plane));
    v128.store(p, grey);
    v128.store(p + plane, grey);
    v128.store(p + 2 * plane, grey);
  }
}

/** a + factor * (b - a) of four pixels in float32, cut to whole numbers. */
// @ts-ignore: decorator
@inline
function blend4(a: v128, b: v128, factor: v128): v128 {
  const part = f32x4.mul(factor, f32x4.convert_i32x4_s(i32x4.sub(b, a)));
  return i32x4.trunc_sat_f32x4_s(f32x4.add(f32x4.convert_i32x4_s(a), part));
}

/** Image.blend of 16 pixels; `a` and `b` are bytes. */
// @ts-ignore: decorator
@inline
function blend16(a: v128, b: v128, factor: v128): v128 {
  const a0 = i16x8.extend_low_i8x16_u(a);
  const a1 = i16x8.extend_high_i8x16_u(a);
  const b0 = i16x8.extend_low_i8x16_u(b);
  const b1 = i16x8.extend_high_i8x16_u(b);
  const p = blend4(i32x4.extend_low_i16x8_u(a0), i32x4.extend_low_i16x8_u(b0), factor);
  const q = blend4(i32x4.extend_high_i16x8_u(a0), i32x4.extend_high_i16x8_u(b0), factor);
  const s = blend4(i32x4.extend_low_i16x8_u(a1), i32x4.extend_low_i16x8_u(b1), factor);
  const t = blend4(i32x4.extend_high_i16x8_u(a1), i32x4.extend_high_i16x8_u(b1), factor);
  return i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(p, q), i16x8.narrow_i32x4_s(s, t));
}

/** Blends bytes with one value: brightness with 0, contrast with the mean luma. */
export function blendWith(at: usize, count: usize, value: i32, factor: f32): void {
  const a = i8x16.splat(<i8>value);
  const f = f32x4.splat(factor);
  for (let p = at; p < at + count; p += 16) v128.store(p, blend16(a, v128.load(p), f));
}

/** Blends each pixel with its own luma. */
export function saturation(at: usize, plane: usize, count: usize, factor: f32): void {
  const f = f32x4.splat(factor);
  for (let p = at; p < at + count; p += 16) {
    const r = v128.load(p);
    const g = v128.load(p + plane);
    const b = v128.load(p + 2 * plane);
    const grey = luma16(r, g, b);
    v128.store(p, blend16(grey, r, f));
    v128.store(p + plane, blend16(grey, g, f));
    v128.store(p + 2 * plane, blend16(grey, b, f));
  }
}

/** Inverts bytes from `threshold` on; 256 leaves all as they are. */
export function solarize(at: usize, count: usize, threshold: i32): void {
  if (threshold > 255) return;
  const limit = i8x16.splat(<i8>threshold);
  const all = i8x16.splat(-1);
  for (let p = at; p < at + count; p += 16) {
    const v = v128.load(p);
    v128.store(p, v128.xor(v, v128.and(i8x16.ge_u(v, limit), all)));
  }
}
