import { UserError } from '../base/errors.ts';

/**
 * A mask as COCO counts it: down the columns, from left to right, so many pixels outside, then so many
 * inside, and so on. The counts add up to height x width.
 */
export interface Rle {
  readonly height: number;
  readonly width: number;
  readonly counts: Uint32Array;
}

/** Pixels of the largest mask: what Pillow refuses beyond as a picture. */
const MOST_PIXELS = 178_956_970;

/** @throws UserError for counts that are no mask of that size */
export function rleOf(height: number, width: number, counts: ArrayLike<number>): Rle {
  const pixels = height * width;
  if (!(isSide(height) && isSide(width) && pixels <= MOST_PIXELS))
    throw new UserError(
      `a mask of size [${height}, ${width}]; expected [height, width] in whole pixels`,
    );
  let sum = 0;
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i] ?? -1;
    if (!(Number.isInteger(count) && count >= 0))
      throw new UserError(`count ${i} of a mask is ${count}; expected a whole number, 0 or more`);
    sum += count;
  }
  if (sum !== pixels)
    throw new UserError(
      `the counts of a mask add up to ${sum}; expected ${height} x ${width} = ${pixels}`,
    );
  return { height, width, counts: Uint32Array.from(counts) };
}

function isSide(value: number): boolean {
  return Number.isInteger(value) && value >= 1;
}

/** The mask of a bitmap, [height, width] row after row, in which 0 is outside. */
export function rleOfBitmap(height: number, width: number, bitmap: ArrayLike<number>): Rle {
  const counts: number[] = [];
  let [inside, run] = [false, 0];
  for (let x = 0; x < width; x++)
    for (let y = 0; y < height; y++) {
      const here = (bitmap[y * width + x] ?? 0) !== 0;
      if (here !== inside) {
        counts.push(run);
        inside = here;
        run = 0;
      }
      run++;
    }
  counts.push(run);
  return { height, width, counts: Uint32Array.from(counts) };
}

/** The bitmap of a mask: uint8 [height, width] of 0 and 1, row after row. */
export function bitmapOf({ height, width, counts }: Rle): Uint8Array {
  const bitmap = new Uint8Array(height * width);
  let at = 0;
  for (const [i, count] of counts.entries()) {
    const end = at + count;
    if (i % 2 === 0) at = end;
    for (; at < end; at++) bitmap[(at % height) * width + Math.floor(at / height)] = 1;
  }
  return bitmap;
}

/** Pixels inside. */
export function areaOf({ counts }: Rle): number {
  let area = 0;
  for (let i = 1; i < counts.length; i += 2) area += counts[i] ?? 0;
  return area;
}

/**
 * Left, top, width and height of what is inside, as pycocotools has it: where a run goes on into the
 * next column, its box has the whole height. All 0 where there are no runs inside.
 */
export function extentOf({ height, width, counts }: Rle): [number, number, number, number] {
  const runs = counts.length - (counts.length % 2);
  if (runs === 0) return [0, 0, 0, 0];
  let [left, top, right, bottom] = [width, height, 0, 0];
  let [seen, from] = [0, 0];
  for (let j = 0; j < runs; j++) {
    seen += counts[j] ?? 0;
    const place = seen - (j % 2);
    const y = place % height;
    const x = (place - y) / height;
    if (j % 2 === 0) from = x;
    else if (from < x) {
      top = 0;
      bottom = height - 1;
    }
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  return [left, top, right - left + 1, bottom - top + 1];
}

/** Pixels that two masks of one size have in common. */
export function sharedArea(a: Rle, b: Rle): number {
  const [one, other] = [a.counts, b.counts];
  let shared = 0;
  // A run inside is [start, end): of each mask the present one.
  let [i, j] = [1, 1];
  let [startA, startB] = [one[0] ?? 0, other[0] ?? 0];
  let [endA, endB] = [startA + (one[1] ?? 0), startB + (other[1] ?? 0)];
  while (i < one.length && j < other.length) {
    const common = (endA < endB ? endA : endB) - (startA > startB ? startA : startB);
    if (common > 0) shared += common;
    if (endA < endB) {
      startA = endA + (one[i + 1] ?? 0);
      i += 2;
      endA = startA + (one[i] ?? 0);
    } else {
      startB = endB + (other[j + 1] ?? 0);
      j += 2;
      endB = startB + (other[j] ?? 0);
    }
  }
  return shared;
}

/** What is inside any of some masks of one size, or with `all` inside each of them. */
export function merged(masks: readonly [Rle, ...Rle[]], all = false): Rle {
  const [first, ...rest] = masks;
  return rest.reduce((now, mask) => mergedPair(now, mask, all), first);
}

function mergedPair(a: Rle, b: Rle, all: boolean): Rle {
  if (a.height !== b.height || a.width !== b.width)
    throw new UserError(
      `masks of ${a.height} x ${a.width} and ${b.height} x ${b.width} pixels; expected one size`,
    );
  const counts: number[] = [];
  const pixels = a.height * a.width;
  let [i, j, at, run, inside] = [0, 0, 0, 0, false];
  let [leftA, leftB] = [a.counts[0] ?? 0, b.counts[0] ?? 0];
  while (at < pixels) {
    while (leftA === 0) leftA = a.counts[++i] ?? pixels;
    while (leftB === 0) leftB = b.counts[++j] ?? pixels;
    const here = all ? i % 2 === 1 && j % 2 === 1 : i % 2 === 1 || j % 2 === 1;
    if (here !== inside) {
      counts.push(run);
      inside = here;
      run = 0;
    }
    const step = Math.min(leftA, leftB);
    leftA -= step;
    leftB -= step;
    run += step;
    at += step;
  }
  counts.push(run);
  return { height: a.height, width: a.width, counts: Uint32Array.from(counts) };
}
