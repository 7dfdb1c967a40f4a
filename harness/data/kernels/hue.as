// Pillow's 8-bit HSV (Convert.c) and back, four pixels at once: the steps of ../colour.ts.

// @ts-ignore: decorator
@inline
function pixels4(at: usize): v128 {
  const bytes = i16x8.extend_low_i8x16_u(v128.load32_zero(at));
  return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(bytes));
}

/**
 * Floats of 0..255 as whole numbers: above 2^23 a float32 has no fraction, and its low bits are the
 * number. Not a number gives 0. In fewer instructions than a conversion that saturates.
 */
// @ts-ignore: decorator
@inline
function nearest(x: v128): v128 {
  return v128.and(f32x4.add(x, f32x4.splat(8388608)), i32x4.splat(255));
}

/**
 * round(v (1 - s / 255 * x / 85)) for x = |turned - from| - 85 cut to 0..85: a channel of the pixel
 * from its distance on the circle, in 510ths. The quotient is never halfway between whole numbers,
 * and further from it than float32 errs (every case was compared).
 */
// @ts-ignore: decorator
@inline
function channel(v: v128, s: v128, x: v128): v128 {
  const cut = f32x4.pmin(f32x4.pmax(x, f32x4.splat(0)), f32x4.splat(85));
  const part = f32x4.sub(f32x4.splat(21675), f32x4.mul(s, cut)); // 255 * 85
  return nearest(f32x4.mul(f32x4.mul(v, part), f32x4.splat(f32(1) / f32(21675))));
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
  for (let p = at; p < at + count; p += 4) {
    const r = pixels4(p);
    const g = pixels4(p + plane);
    const b = pixels4(p + 2 * plane);
    const v = f32x4.pmax(r, f32x4.pmax(g, b));
    const least = f32x4.pmin(r, f32x4.pmin(g, b));
    const middle = f32x4.sub(f32x4.add(r, f32x4.add(g, b)), f32x4.add(v, least));
    const range = f32x4.sub(v, least);
    // 0 where v is 0: there the quotient is not a number.
    const s = nearest(f32x4.floor(f32x4.div(f32x4.mul(range, full), v)));
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
    const byte = nearest(f32x4.floor(f32x4.mul(circle, full)));
    const turned = v128.and(i32x4.add(byte, i32x4.splat(turn)), i32x4.splat(255));
    // And back: full red at 0, full green at 170, full blue at 340 of 510.
    const w = f32x4.convert_i32x4_s(i32x4.shl(turned, 1));
    const fs = f32x4.convert_i32x4_s(s);
    const near = f32x4.splat(85);
    const far = f32x4.splat(170);
    const fromRed = f32x4.sub(far, f32x4.abs(f32x4.sub(w, full)));
    const fromGreen = f32x4.sub(f32x4.abs(f32x4.sub(w, far)), near);
    const fromBlue = f32x4.sub(f32x4.abs(f32x4.sub(w, f32x4.splat(340))), near);
    store4(p, channel(v, fs, fromRed));
    store4(p + plane, channel(v, fs, fromGreen));
    store4(p + 2 * plane, channel(v, fs, fromBlue));
  }
}
