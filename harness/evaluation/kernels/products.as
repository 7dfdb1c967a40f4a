// Products of rows for k-NN as WebAssembly with 128-bit vectors. Built by scripts/build_kernels.mjs. Whole
// numbers whose sums float64 holds exactly: any order gives the bits of the plain loop, which a test checks.

// @ts-ignore: decorator
@inline
function half(numbers: v128, query: v128): v128 {
  return f64x2.mul(f64x2.convert_low_i32x4_s(numbers), query);
}

// @ts-ignore: decorator
@inline
function upper(numbers: v128): v128 {
  return i8x16.shuffle(numbers, numbers, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
}

// @ts-ignore: decorator
@inline
function total(a: v128, b: v128): f64 {
  const sum = f64x2.add(a, b);
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
}

// @ts-ignore: decorator
@inline
function place(rows: usize, pitch: usize, places: usize, i: i32, last: i32): usize {
  return rows + (<usize>load<u32>(places + ((<usize>(i < last ? i : last)) << 2))) * pitch;
}

/**
 * Products of a query, float64 [width], with rows, int32 [., width], at `count` places, int32; written to
 * `to`, float64, where there is room for 3 more. The width is a multiple of 4. Four rows at a time, so that
 * memory is waited for once.
 */
export function products(rows: usize, width: i32, query: usize, places: usize, count: i32, to: usize): void {
  const pitch = (<usize>width) << 2;
  for (let i = 0; i < count; i += 4, to += 32) {
    let one = place(rows, pitch, places, i, count - 1);
    let two = place(rows, pitch, places, i + 1, count - 1);
    let three = place(rows, pitch, places, i + 2, count - 1);
    let four = place(rows, pitch, places, i + 3, count - 1);
    let at = query;
    let a = f64x2.splat(0);
    let b = f64x2.splat(0);
    let c = f64x2.splat(0);
    let d = f64x2.splat(0);
    let e = f64x2.splat(0);
    let f = f64x2.splat(0);
    let g = f64x2.splat(0);
    let h = f64x2.splat(0);
    for (const end = one + pitch; one < end; one += 16, two += 16, three += 16, four += 16, at += 32) {
      const left = v128.load(at);
      const right = v128.load(at + 16);
      const w = v128.load(one);
      const x = v128.load(two);
      const y = v128.load(three);
      const z = v128.load(four);
      a = f64x2.add(a, half(w, left));
      b = f64x2.add(b, half(upper(w), right));
      c = f64x2.add(c, half(x, left));
      d = f64x2.add(d, half(upper(x), right));
      e = f64x2.add(e, half(y, left));
      f = f64x2.add(f, half(upper(y), right));
      g = f64x2.add(g, half(z, left));
      h = f64x2.add(h, half(upper(z), right));
    }
    store<f64>(to, total(a, b));
    store<f64>(to + 8, total(c, d));
    store<f64>(to + 16, total(e, f));
    store<f64>(to + 24, total(g, h));
  }
}
