import { type Stream, stream } from '../../random/stream.ts';
import { type Image, image } from '../images/image.ts';
import { ABSENT, DIFFICULT, PRESENT } from '../marks.ts';
import { drawLook, paint } from './painting.ts';
import { PATTERNS } from './patterns.ts';

/** What decides such pictures. */
interface SeveralSpec {
  readonly count: number;
  readonly classes: number;
  readonly size: number;
  readonly seed: number;
  readonly split: string;
  readonly upright?: number | undefined;
}

/** A quarter of a picture: a pattern, plain or faint, or none. */
interface Quarter {
  readonly label: number | undefined;
  readonly faint: boolean;
}

/** Of a quarter beyond the first: to hold a pattern at all, and to be faint then. */
const FILLED = 1 / 4;
const FAINT = 1 / 3;
/** Share of a faint pattern's contrast. */
const FAINTNESS = 1 / 4;

/**
 * What is said of each class of each picture, [count, classes]: that it is there; that it is not; or,
 * where it is there but faint, that it is too difficult. Picture i surely has class i modulo `classes`.
 */
export function severalMarks(spec: SeveralSpec): Int8Array {
  const { count, classes } = spec;
  const marks = new Int8Array(count * classes).fill(ABSENT);
  for (let index = 0; index < count; index++)
    for (const { label, faint } of quartersOf(spec, index, drawsOf(spec, index))) {
      if (label === undefined) continue;
      const at = index * classes + label;
      marks[at] = faint && marks[at] !== PRESENT ? DIFFICULT : PRESENT;
    }
  return marks;
}

/**
 * A picture of four quarters. The first in order has the class whose turn it is, each other one a class
 * by chance or none; in which place it lies is chance. A faint pattern is hard to see.
 */
export function severalImage(spec: SeveralSpec, index: number): Image {
  const { size, upright } = spec;
  const draws = drawsOf(spec, index);
  const quarters = quartersOf(spec, index, draws);
  const places = draws.permutation(quarters.length);
  const picture = image(size, size);
  const half = Math.ceil(size / 2);
  for (const [i, quarter] of quarters.entries()) {
    const place = places[i] ?? 0;
    const left = place % 2 === 0 ? 0 : half;
    const top = place < 2 ? 0 : half;
    copy(drawQuarter(draws, quarter, half, upright), picture, left, top);
  }
  return picture;
}

function drawsOf({ seed, split }: SeveralSpec, index: number): Stream {
  return stream(seed, 'generated several', split, index);
}

/** The first that is drawn of a picture, so that marks need no pixels. */
function quartersOf({ classes }: SeveralSpec, index: number, draws: Stream): readonly Quarter[] {
  const others = [1, 2, 3].map((): Quarter => {
    const filled = draws.uniform() < FILLED;
    const faint = draws.uniform() < FAINT;
    const label = draws.int(0, classes - 1);
    return filled ? { label, faint } : { label: undefined, faint: false };
  });
  return [{ label: index % classes, faint: false }, ...others];
}

function drawQuarter(
  draws: Stream,
  { label, faint }: Quarter,
  side: number,
  upright: number | undefined,
): Image {
  const look = drawLook(draws, upright);
  const plain = image(side, side);
  paint(plain, look, () => Number.NEGATIVE_INFINITY);
  if (label === undefined) return plain;
  const drawn = image(side, side);
  const pattern = PATTERNS[label]?.draw(draws);
  if (pattern === undefined) throw new RangeError(`generated image: no class ${label}`);
  paint(drawn, look, pattern);
  if (!faint) return drawn;
  for (const [i, value] of plain.pixels.entries()) {
    const full = (drawn.pixels[i] ?? 0) - value;
    drawn.pixels[i] = Math.floor(value + FAINTNESS * full + 0.5);
  }
  return drawn;
}

/** What lies beyond the right and lower border is cut off. */
function copy(from: Image, to: Image, left: number, top: number): void {
  const width = Math.min(from.width, to.width - left);
  const height = Math.min(from.height, to.height - top);
  for (let row = 0; row < height; row++) {
    const start = 3 * row * from.width;
    const at = 3 * ((top + row) * to.width + left);
    to.pixels.set(from.pixels.subarray(start, start + 3 * width), at);
  }
}
