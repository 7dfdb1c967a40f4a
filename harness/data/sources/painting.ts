import { cos, sin } from '../../random/elementary.ts';
import type { Stream } from '../../random/stream.ts';
import type { Image } from '../images/image.ts';
import { between, type Pattern } from './patterns.ts';

/** Largest deviation of a channel from grey, and least distance of the two inks, in grey levels. */
const TINT = 15;
export const CONTRAST = 90;

export type Colour = readonly [number, number, number];

/** All that does not depend on the class. Lengths are shares of the image's side. */
export interface Look {
  /** Background: from the first colour to the second along a direction. */
  readonly background: readonly [Colour, Colour];
  readonly slope: readonly [number, number];
  /** The pattern's own two colours. */
  readonly ink: readonly [Colour, Colour];
  /** Periods of the pattern a side, and its direction and phase. */
  readonly frequency: number;
  readonly direction: readonly [number, number];
  readonly phase: readonly [number, number];
  /** An ellipse that holds the pattern. */
  readonly centre: readonly [number, number];
  readonly radii: readonly [number, number];
  /** Largest deviation of the noise, in grey levels, and where it starts. */
  readonly noise: number;
  readonly noiseStart: number;
}

/** Draws all that does not depend on the class. @param upright as in the spec */
export function drawLook(draws: Stream, upright: number | undefined): Look {
  // Of all directions, or of those that are at most `upright` degrees from 0.
  const angle = () => {
    const any = between(draws, 0, 2 * Math.PI);
    return upright === undefined ? any : ((any - Math.PI) * upright) / 180;
  };
  const turn = angle();
  const fall = angle();
  const background = [drawColour(draws), drawColour(draws)] as const;
  return {
    background: upright === undefined ? background : lighterFirst(background),
    slope: upright === undefined ? [cos(fall), sin(fall)] : [-sin(fall), cos(fall)],
    ink: drawInk(draws),
    frequency: between(draws, 2.5, 5),
    direction: [cos(turn), sin(turn)],
    phase: [draws.uniform(), draws.uniform()],
    centre: [between(draws, 0.35, 0.65), between(draws, 0.35, 0.65)],
    radii: [between(draws, 0.55, 0.9), between(draws, 0.55, 0.9)],
    noise: between(draws, 2, 10),
    noiseStart: draws.int(0, 2 ** 32 - 1),
  };
}

/**
 * A grey with a trace of colour. In strong ones a network would tell pictures apart by their colours
 * alone, and self-supervision would find no pattern.
 */
export function drawColour(draws: Stream): Colour {
  const level = between(draws, TINT, 255 - TINT);
  const tint = () => level + between(draws, -TINT, TINT);
  return [tint(), tint(), tint()];
}

/** Two colours that stay apart when they lose their hue; which is the lighter one is chance. */
function drawInk(draws: Stream): readonly [Colour, Colour] {
  for (;;) {
    const pair = [drawColour(draws), drawColour(draws)] as const;
    if (Math.abs(luma(pair[0]) - luma(pair[1])) > CONTRAST) return pair;
  }
}

function lighterFirst([a, b]: readonly [Colour, Colour]): readonly [Colour, Colour] {
  return luma(a) < luma(b) ? [b, a] : [a, b];
}

export function luma([red, green, blue]: Colour): number {
  return 0.299 * red + 0.587 * green + 0.114 * blue;
}

/** Coverage of a pixel whose centre lies `distance` pixels inside an edge. */
export function coverage(distance: number): number {
  return Math.min(1, Math.max(0, distance + 0.5));
}

/** Paints a pattern over a whole picture. */
export function paint({ width: size, pixels }: Image, look: Look, pattern: Pattern): void {
  const { background, slope, ink, frequency, direction, phase, centre, radii, noise } = look;
  const side = 1 / size;
  const period = size / frequency; // pixels
  const reach = size * Math.min(radii[0], radii[1]);
  let word = look.noiseStart;
  for (let row = 0, at = 0; row < size; row++) {
    const y = (row + 0.5) * side - centre[1];
    for (let column = 0; column < size; column++, at += 3) {
      const x = (column + 0.5) * side - centre[0];
      const u = (x * direction[0] + y * direction[1]) * frequency + phase[0];
      const v = (y * direction[0] - x * direction[1]) * frequency + phase[1];
      const p = x / radii[0];
      const q = y / radii[1];
      const shown = coverage((1 - Math.sqrt(p * p + q * q)) * reach);
      const share = shown === 0 ? 0 : coverage(pattern(u, v) * period);
      const fall = Math.min(1, Math.max(0, 0.5 + 0.7 * (x * slope[0] + y * slope[1])));
      word = (Math.imul(word, 1664525) + 1013904223) >>> 0;
      const grain = (((word >>> 8) / 0x1000000) * 2 - 1) * noise;
      for (let channel = 0; channel < 3; channel++) {
        const back = mixed(background, channel, fall);
        const value = back + (mixed(ink, channel, share) - back) * shown + grain;
        pixels[at + channel] = Math.min(255, Math.max(0, Math.floor(value + 0.5)));
      }
    }
  }
}

function mixed([from, to]: readonly [Colour, Colour], channel: number, share: number): number {
  const start = from[channel] ?? 0;
  return start + ((to[channel] ?? 0) - start) * share;
}
