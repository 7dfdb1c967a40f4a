// Pillow's 8-bit HSV (Convert.c) and back, four pixels at once: the steps of ../colour.ts.

// @ts-ignore: decorator
@inline
function pixels4(at: usize): v128 {
  const bytes = i16x8.extend_low_i8x16_u(v128.load32_zero(at));
  return f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(bytes));
}

// @ts-ignore: decorator
@inline
function upperHalf(x: v128): v128 {
  return v128.shuffle<i32>(x, x, 2, 3, 0, 1);
}

/** trunc(x * 255) of four float32, the product in float64. */
// @ts-ignore: decorator
@inline
function byteOf(x: v128): v128 {
  const scale = f64x2.splat(255);
  const a = i32x4.trunc_sat_f64x2_s_zero(f64x2.mul(f64x2.promote_low_f32x4(x), scale));
  const b = i32x4.trunc_sat_f64x2_s_zero(f64x2.mul(f64x2.promote_low_f32x4(upperHalf(x)), scale));
  return v128.shuffle<i32>(a, b, 0, 1, 4, 5);
}

/** (x / 6 + 1) mod 1 of the lower two float32, in float64 and rounded once. */
// @ts-ignore: decorator
@inline
function turnOf(x: v128): v128 {
  const turn = f64x2.add(f64x2.div(f64x2.promote_low_f32x4(x), f64x2.splat(6)), f64x2.splat(1));
  return f32x4.demote_f64x2_zero(f64x2.sub(turn, f64x2.floor(turn)));
}

/**
 * round(v (1 - s / 255 * m / 85)): the quotient is never halfway between whole numbers, and further
 * from it than float32 errs.
 */
// @ts-ignore: decorator
@inline
function shade(v: v128, s: v128, m: v128): v128 {
  const whole = f32x4.splat(21675); // 255 * 85
  const part = f32x4.div(f32x4.mul(v, f32x4.sub(whole, f32x4.mul(s, m))), whole);
  return i32x4.trunc_sat_f32x4_s(f32x4.add(part, f32x4.splat(0.5)));
}

// @ts-ignore: decorator
@inline
function store4(at: usize, x: v128): void {
  const narrow = i16x8.narrow_i32x4_s(x, x);
  v128.store32_lane(at, i8x16.narrow_i16x8_u(narrow, narrow), 0);
}

// @ts-ignore: decorator
@inline
function either(a: v128, b: v128): v128 {
  return v128.or(a, b);
}

/** Adds `turn`, of 256 for a full circle, to the hue. */
export function hue(at: usize, plane: usize, count: usize, turn: i32): void {
  const one = f32x4.splat(1);
  const byte = i32x4.splat(255);
  const side = i32x4.splat(85);
  for (let p = at; p < at + count; p += 4) {
    const r = pixels4(p);
    const g = pixels4(p + plane);
    const b = pixels4(p + 2 * plane);
    const v = f32x4.max(r, f32x4.max(g, b));
    const range = f32x4.sub(v, f32x4.min(r, f32x4.min(g, b)));
    const s = byteOf(f32x4.div(range, v)); // 0 where v is 0: there it is not a number
    const rc = f32x4.div(f32x4.sub(v, r), range);
    const gc = f32x4.div(f32x4.sub(v, g), range);
    const bc = f32x4.div(f32x4.sub(v, b), range);
    // 2 + rc - bc and 4 + gc - rc, rounded once: one of the two quotients is 1.
    const redLow = f32x4.eq(rc, one);
    const green = v128.bitselect(
      f32x4.sub(f32x4.splat(3), bc),
      f32x4.add(one, rc),
      redLow,
    );
    const blue = v128.bitselect(
      f32x4.add(f32x4.splat(3), gc),
      f32x4.sub(f32x4.splat(5), rc),
      redLow,
    );
    const other = v128.bitselect(green, blue, f32x4.eq(g, v));
    const h = v128.bitselect(f32x4.sub(bc, gc), other, f32x4.eq(r, v));
    const circle = v128.shuffle<i32>(turnOf(h), turnOf(upperHalf(h)), 0, 1, 4, 5);
    const turned = v128.and(i32x4.add(byteOf(circle), i32x4.splat(turn)), byte);
    // The six sectors of the circle: sector = floor(2 h / 85), m its remainder.
    const twice = i32x4.shl(turned, 1);
    const sector = i32x4.shr_u(i32x4.mul(twice, i32x4.splat(772)), 16);
    const m = i32x4.sub(twice, i32x4.mul(sector, side));
    const odd = i32x4.ne(v128.and(sector, i32x4.splat(1)), i32x4.splat(0));
    const away = v128.bitselect(m, i32x4.sub(side, m), odd);
    const fs = f32x4.convert_i32x4_s(s);
    const middle = shade(v, fs, f32x4.convert_i32x4_s(away));
    const low = shade(v, fs, f32x4.splat(85));
    const high = i32x4.trunc_sat_f32x4_s(v);
    const k0 = either(i32x4.eq(sector, i32x4.splat(0)), i32x4.eq(sector, i32x4.splat(6)));
    const k1 = i32x4.eq(sector, i32x4.splat(1));
    const k2 = i32x4.eq(sector, i32x4.splat(2));
    const k3 = i32x4.eq(sector, i32x4.splat(3));
    const k4 = i32x4.eq(sector, i32x4.splat(4));
    const k5 = i32x4.eq(sector, i32x4.splat(5));
    const grey = i32x4.eq(s, i32x4.splat(0));
    const red = v128.bitselect(middle, low, either(k1, k4));
    const grn = v128.bitselect(middle, low, either(k0, k3));
    const blu = v128.bitselect(middle, low, either(k2, k5));
    store4(p, v128.bitselect(high, red, either(grey, either(k0, k5))));
    store4(p + plane, v128.bitselect(high, grn, either(grey, either(k1, k2))));
    store4(p + 2 * plane, v128.bitselect(high, blu, either(grey, either(k3, k4))));
  }
}
