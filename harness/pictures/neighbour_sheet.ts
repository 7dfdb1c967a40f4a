import sharp from 'sharp';
import { type Image, image } from '../data/images/image.ts';
import { fitted, paste } from '../data/images/sheet.ts';
import { classesOf, type Labelled, presentIn } from './labelled.ts';

const CELL = 96; // pixels
const FRAME = 3;
const GAP = 6;
/** Between the image that was asked about and its neighbours. */
const GUTTER = 18;
const STEP = CELL + 2 * FRAME + GAP;

const SAME = [44, 160, 44] as const;
const DIFFERENT = [214, 39, 40] as const;
const NEUTRAL = [90, 90, 90] as const;

/** A test image with the images nearest to it. */
export interface SheetRow {
  readonly image: Image;
  /** Nearest first, and whether each is of its class. */
  readonly near: readonly { readonly image: Image; readonly same: boolean }[];
}

/**
 * Which images to show, in order of classes: the first of each, while they are few; of many classes
 * those at even distances. Classes without an image have no row, and an image of several has one.
 */
export function shownImages(set: Labelled, most: number): number[] {
  const classes = classesOf(set);
  const firsts = new Map<number, number>();
  for (let i = 0; i < set.count && firsts.size < classes; i++)
    for (const c of presentIn(set, i)) if (!firsts.has(c)) firsts.set(c, i);
  const present = [...firsts].sort(([a], [b]) => a - b).map(([, index]) => index);
  const distinct = [...new Set(present)];
  const rows = Math.min(most, distinct.length);
  return Array.from(
    { length: rows },
    (_, r) => distinct[Math.floor((r * distinct.length) / rows)] ?? 0,
  );
}

/** Whether two images have a class in common. */
export function sameClass(a: Labelled, i: number, b: Labelled, j: number): boolean {
  const other = new Set(presentIn(b, j));
  return presentIn(a, i).some((c) => other.has(c));
}

/**
 * A row for each image: itself in a grey frame, then its neighbours, green those of its class, red the
 * others. No text is drawn, because its pixels would hang on the fonts of the machine.
 */
export function neighbourSheet(rows: readonly SheetRow[]): Image {
  const columns = Math.max(0, ...rows.map(({ near }) => near.length));
  const sheet = image(GAP + STEP + GUTTER + columns * STEP, GAP + rows.length * STEP);
  sheet.pixels.fill(255);
  rows.forEach((row, r) => {
    const top = GAP + r * STEP;
    framed(sheet, row.image, GAP, top, NEUTRAL);
    row.near.forEach((one, c) => {
      framed(sheet, one.image, GAP + (c + 1) * STEP + GUTTER, top, one.same ? SAME : DIFFERENT);
    });
  });
  return sheet;
}

function framed(
  sheet: Image,
  picture: Image,
  left: number,
  top: number,
  colour: readonly [number, number, number],
): void {
  const side = CELL + 2 * FRAME;
  const frame = image(side, side);
  for (let i = 0; i < frame.pixels.length; i++) frame.pixels[i] = colour[i % 3] ?? 0;
  const inside = image(CELL, CELL);
  inside.pixels.fill(255);
  const small = fitted(picture, CELL);
  paste(inside, small, (CELL - small.width) >> 1, (CELL - small.height) >> 1);
  paste(frame, inside, FRAME, FRAME);
  paste(sheet, frame, left, top);
}

/** An image as PNG. */
export function png({ width, height, pixels }: Image): Promise<Buffer> {
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}
