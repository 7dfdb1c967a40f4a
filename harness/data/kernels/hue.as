// Pillow's 8-bit HSV (Convert.c) and back, four pixels at once: the steps of ../colour.ts.

// @ts-ignore: decorator
@inline
function pixels4(at: usize): v128 {
  const bytes = i16x8.extend_low_i8x16_u(v128.load32_zero(at));
  return f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(bytes));
}

/**
 * round(v x / whole) for x below `whole`: the quotient is never halfway between whole numbers, and
 * further from it than float32 errs (every case was compared).
 */
// @ts-ignore: decorator
@inline
function shade(v: v128, x: v128, whole: f32): v128 {
  const part = f32x4.mul(f32x4.mul(v, x), f32x4.splat(f32(1) / whole));
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

/**
 * Adds `turn`, of 256 for a full circle, to the hue. The plain operation rounds here and there in
 * float64; the float32 steps below give its bytes for every colour, which was compared.
 */
export function hue(at: usize, plane: usize, count: usize, turn: i32): void {
  const one = f32x4.splat(1);
  const zero = f32x4.splat(0);
  const full = f32x4.splat(255);
  const sign = i32x4.splat(<i32>0x80000000);
  const side = i32x4.splat(85);
  for (let p = at; p < at + count; p += 4) {
    const r = pixels4(p);
    const g = pixels4(p + plane);
    const b = pixels4(p + 2 * plane);
    const v = f32x4.max(r, f32x4.max(g, b));
    const least = f32x4.min(r, f32x4.min(g, b));
    const middle = f32x4.sub(f32x4.add(r, f32x4.add(g, b)), f32x4.add(v, least));
    const range = f32x4.sub(v, least);
    // 0 where v is 0: there the quotient is not a number.
    const s = i32x4.trunc_sat_f32x4_s(f32x4.div(f32x4.mul(range, full), v));
    // Sixths of the circle: a whole number plus or minus the place of the middle channel.
    const place = f32x4.div(f32x4.sub(v, middle), range);
    const isRed = f32x4.eq(r, v);
    const isGreen = f32x4.eq(g, v);
    const redLow = f32x4.eq(r, least);
    const blueLow = f32x4.eq(b, least);
    const ofGreen = v128.bitselect(f32x4.splat(3), one, redLow);
    const ofBlue = v128.bitselect(f32x4.splat(3), f32x4.splat(5), redLow);
    const ofRed = v128.bitselect(one, f32x4.splat(-1), blueLow);
    const base = v128.bitselect(ofRed, v128.bitselect(ofGreen, ofBlue, isGreen), isRed);
    const towards = v128.bitselect(redLow, v128.not(redLow), isGreen);
    const minus = v128.bitselect(blueLow, towards, isRed);
    const h = f32x4.add(base, v128.xor(place, v128.and(minus, sign)));
    const sixth = f32x4.div(h, f32x4.splat(6));
    const circle = f32x4.add(sixth, v128.and(f32x4.lt(h, zero), one));
    const byte = i32x4.trunc_sat_f32x4_s(f32x4.mul(circle, full));
    const turned = v128.and(i32x4.add(byte, i32x4.splat(turn)), i32x4.splat(255));
    // And back: sector = floor(2 h / 85), m its remainder.
    const twice = i32x4.shl(turned, 1);
    const sector = i32x4.shr_u(i32x4.mul(twice, i32x4.splat(772)), 16);
    const m = i32x4.sub(twice, i32x4.mul(sector, side));
    const odd = i32x4.ne(v128.and(sector, i32x4.splat(1)), i32x4.splat(0));
    const away = v128.bitselect(m, i32x4.sub(side, m), odd);
    const fs = f32x4.convert_i32x4_s(s);
    const part = f32x4.sub(f32x4.splat(21675), f32x4.mul(fs, f32x4.convert_i32x4_s(away)));
    const between = shade(v, part, 21675); // 255 * 85
    const low = shade(v, f32x4.sub(full, fs), 255);
    const high = i32x4.trunc_sat_f32x4_s(v);
    const k0 = v128.or(i32x4.eq(sector, i32x4.splat(0)), i32x4.eq(sector, i32x4.splat(6)));
    const k1 = i32x4.eq(sector, i32x4.splat(1));
    const k2 = i32x4.eq(sector, i32x4.splat(2));
    const k3 = i32x4.eq(sector, i32x4.splat(3));
    const k4 = i32x4.eq(sector, i32x4.splat(4));
    const k5 = i32x4.eq(sector, i32x4.splat(5));
    const grey = i32x4.eq(s, i32x4.splat(0));
    const red = v128.bitselect(between, low, v128.or(k1, k4));
    const green = v128.bitselect(between, low, v128.or(k0, k3));
    const blue = v128.bitselect(between, low, v128.or(k2, k5));
    store4(p, v128.bitselect(high, red, v128.or(grey, v128.or(k0, k5))));
    store4(p + plane, v128.bitselect(high, green, v128.or(grey, v128.or(k1, k2))));
    store4(p + 2 * plane, v128.bitselect(high, blue, v128.or(grey, v128.or(k3, k4))));
  }
}
