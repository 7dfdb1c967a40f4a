/**
 * Boxes as rows x1, y1, x2, y2 in continuous pixels: one over a whole image is 0, 0, W, H. Every value
 * is rounded to float32 after each operation, as PyTorch's are, for they are compared with thresholds.
 */
export type Boxes = Float32Array;

/** Height and width of an image in pixels, without padding. */
export type ImageSize = readonly [height: number, width: number];

const f = Math.fround;

/** One row. */
export type Box = readonly [x1: number, y1: number, x2: number, y2: number];

export function boxAt(boxes: Boxes, i: number): Box {
  const at = 4 * i;
  return [boxes[at] ?? 0, boxes[at + 1] ?? 0, boxes[at + 2] ?? 0, boxes[at + 3] ?? 0];
}

export function boxCount(boxes: Boxes): number {
  return boxes.length / 4;
}

/** Rows of a list of boxes by index. */
export function boxesAt(boxes: Boxes, indices: ArrayLike<number>): Boxes {
  const out = new Float32Array(4 * indices.length);
  for (let i = 0; i < indices.length; i++) out.set(boxAt(boxes, indices[i] ?? 0), 4 * i);
  return out;
}

/** One list after another. */
export function joinedBoxes(lists: readonly Boxes[]): Boxes {
  const out = new Float32Array(lists.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const list of lists) {
    out.set(list, at);
    at += list.length;
  }
  return out;
}

/** Width times height of each; negative where only one of them is. */
export function areas(boxes: Boxes): Float32Array {
  return Float32Array.from({ length: boxCount(boxes) }, (_, i) => {
    const [x1, y1, x2, y2] = boxAt(boxes, i);
    return f(f(x2 - x1) * f(y2 - y1));
  });
}

/**
 * Intersection over union of every pair, [a, b] row-major; 0 where nothing is shared, so that two empty
 * boxes do not divide by zero.
 */
export function pairwiseIou(a: Boxes, b: Boxes): Float32Array {
  const [rows, columns] = [boxCount(a), boxCount(b)];
  const [ownAreas, otherAreas] = [areas(a), areas(b)];
  const out = new Float32Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    const [x1, y1, x2, y2] = boxAt(a, i);
    const area = ownAreas[i] ?? 0;
    for (let j = 0, at = 0; j < columns; j++, at += 4) {
      const width = f(Math.min(x2, b[at + 2] ?? 0) - Math.max(x1, b[at] ?? 0));
      const height = f(Math.min(y2, b[at + 3] ?? 0) - Math.max(y1, b[at + 1] ?? 0));
      if (!(width > 0 && height > 0)) continue;
      const shared = f(width * height);
      if (shared > 0) out[i * columns + j] = shared / f(f(area + (otherAreas[j] ?? 0)) - shared);
    }
  }
  return out;
}

/** Coordinates moved into 0..W and 0..H. */
export function clipped(boxes: Boxes, [height, width]: ImageSize): Boxes {
  return boxes.map((value, i) => Math.min(Math.max(value, 0), i % 2 === 0 ? width : height));
}

/** Which boxes are wider and higher than `side` pixels: 1 or 0 each. */
export function nonEmpty(boxes: Boxes, side = 0): Uint8Array {
  const least = f(side);
  return Uint8Array.from({ length: boxCount(boxes) }, (_, i) => {
    const [x1, y1, x2, y2] = boxAt(boxes, i);
    return f(x2 - x1) > least && f(y2 - y1) > least ? 1 : 0;
  });
}

/** Boxes of an image of one size as they lie in it at another one. */
export function scaledBoxes(boxes: Boxes, from: ImageSize, to: ImageSize): Boxes {
  const [x, y] = [to[1] / from[1], to[0] / from[0]];
  return boxes.map((value, i) => value * f(i % 2 === 0 ? x : y));
}
