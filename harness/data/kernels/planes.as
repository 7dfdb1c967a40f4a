// Between interleaved pixels and planes, and within planes.

/** Transposes 16 x 16 bytes. @param scratch 512 bytes */
export function transpose16(
  from: usize,
  fromPitch: usize,
  to: usize,
  toPitch: usize,
  scratch: usize,
): void {
  for (let i: usize = 0; i < 8; i++)
    zip(v128.load(from + i * fromPitch), v128.load(from + (i + 8) * fromPitch), scratch + (i << 5), 16);
  const other = scratch + 256;
  for (let i: usize = 0; i < 8; i++)
    zip(v128.load(scratch + (i << 4)), v128.load(scratch + (i << 4) + 128), other + (i << 5), 16);
  for (let i: usize = 0; i < 8; i++)
    zip(v128.load(other + (i << 4)), v128.load(other + (i << 4) + 128), scratch + (i << 5), 16);
  for (let i: usize = 0; i < 8; i++)
    zip(v128.load(scratch + (i << 4)), v128.load(scratch + (i << 4) + 128), to + 2 * i * toPitch, toPitch);
}

/** The bytes of two vectors in turn: the first 16 at `to`, the others `pitch` further. */
// @ts-ignore: decorator
@inline
function zip(a: v128, b: v128, to: usize, pitch: usize): void {
  v128.store(to, i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
  v128.store(
    to + pitch,
    i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31),
  );
}

/** Planes to pixels; writes up to 45 bytes past the end. */
export function interleave(at: usize, plane: usize, count: usize, to: usize): void {
  for (let p = at; p < at + count; p += 16) {
    const r = v128.load(p);
    const g = v128.load(p + plane);
    const b = v128.load(p + 2 * plane);
    const x = i8x16.shuffle(r, g, 0, 16, 0, 1, 17, 0, 2, 18, 0, 3, 19, 0, 4, 20, 0, 5);
    const y = i8x16.shuffle(r, g, 21, 0, 6, 22, 0, 7, 23, 0, 8, 24, 0, 9, 25, 0, 10, 26);
    const z = i8x16.shuffle(r, g, 0, 11, 27, 0, 12, 28, 0, 13, 29, 0, 14, 30, 0, 15, 31, 0);
    v128.store(to, i8x16.shuffle(x, b, 0, 1, 16, 3, 4, 17, 6, 7, 18, 9, 10, 19, 12, 13, 20, 15));
    v128.store(to + 16, i8x16.shuffle(y, b, 0, 21, 2, 3, 22, 5, 6, 23, 8, 9, 24, 11, 12, 25, 14, 15));
    v128.store(to + 32, i8x16.shuffle(z, b, 26, 1, 2, 27, 4, 5, 28, 7, 8, 29, 10, 11, 30, 13, 14, 31));
    to += 48;
  }
}

/** Pixels of a box to planes. @param from first pixel of the box @param to [rows, width] thrice */
export function deinterleave(
  from: usize,
  pitch: usize,
  rows: i32,
  width: i32,
  to: usize,
  toPitch: usize,
  plane: usize,
): void {
  for (let y = 0; y < rows; y++) {
    for (let x: usize = 0; x < usize(width); x++) {
      store<u8>(to + x, load<u8>(from + 3 * x));
      store<u8>(to + plane + x, load<u8>(from + 3 * x + 1));
      store<u8>(to + 2 * plane + x, load<u8>(from + 3 * x + 2));
    }
    from += pitch;
    to += toPitch;
  }
}

/** Left to right in one plane of at least 16 columns. */
export function flip(from: usize, to: usize, width: i32, height: i32): void {
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x += 16) {
      const column = usize(min(x, width - 16));
      const v = v128.load(from + column);
      const turned = i8x16.shuffle(v, v, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
      v128.store(to + usize(width) - 16 - column, turned);
    }
    from += usize(width);
    to += usize(width);
  }
}
