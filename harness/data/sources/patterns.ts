import type { Stream } from '../../random/stream.ts';

/**
 * Signed distance from the edge between a pattern's two colours at (u, v), positive inside; all in
 * periods of the pattern. Only operations that IEEE 754 rounds exactly.
 */
export type Pattern = (u: number, v: number) => number;

/** A pattern of a class. What is drawn here varies inside the class. */
export interface PatternClass {
  readonly name: string;
  draw(stream: Stream): Pattern;
}

/** The classes of the generated data set, by label. */
export const PATTERNS: readonly PatternClass[] = [
  { name: 'stripes', draw: stripes },
  { name: 'discs', draw: discs },
  { name: 'checkers', draw: checkers },
  { name: 'rings', draw: rings },
  { name: 'crosses', draw: crosses },
  { name: 'zigzag', draw: zigzag },
  { name: 'blobs', draw: blobs },
  { name: 'sunburst', draw: sunburst },
  { name: 'triangles', draw: triangles },
  { name: 'frames', draw: frames },
];

/** Uniform in [low, high). */
export function between(stream: Stream, low: number, high: number): number {
  return low + (high - low) * stream.uniform();
}

/** Place inside a cell of side 1, from its centre: [-1/2, 1/2). */
function cell(x: number): number {
  return x - Math.floor(x) - 0.5;
}

/** Distance to the nearest centre of a cell of side 1: [0, 1/2]. */
function fold(x: number): number {
  return Math.abs(cell(x));
}

function stripes(stream: Stream): Pattern {
  const half = between(stream, 0.17, 0.33);
  return (u) => half - fold(u);
}

function discs(stream: Stream): Pattern {
  const radius = between(stream, 0.24, 0.38);
  return (u, v) => {
    const x = cell(u);
    const y = cell(v);
    return radius - Math.sqrt(x * x + y * y);
  };
}

function checkers(): Pattern {
  return (u, v) => {
    const x = fold(u) - 0.25;
    const y = fold(v) - 0.25;
    const edge = Math.min(Math.abs(x), Math.abs(y));
    return x * y > 0 ? edge : -edge;
  };
}

/** Circles around the middle of the picture, up to a shift. */
function rings(stream: Stream): Pattern {
  const half = between(stream, 0.17, 0.33);
  const x = between(stream, -1, 1);
  const y = between(stream, -1, 1);
  return (u, v) => half - fold(Math.sqrt((u - x) * (u - x) + (v - y) * (v - y)));
}

function crosses(stream: Stream): Pattern {
  const half = between(stream, 0.08, 0.14);
  const arm = between(stream, 0.33, 0.42);
  return (u, v) => {
    const x = fold(u);
    const y = fold(v);
    return Math.max(Math.min(half - x, arm - y), Math.min(arm - x, half - y));
  };
}

function zigzag(stream: Stream): Pattern {
  const half = between(stream, 0.17, 0.3);
  const height = between(stream, 0.6, 0.9);
  const steep = 2 * height; // slope of the wave; distances shrink by the length of its normal
  const shrink = 1 / Math.sqrt(1 + steep * steep);
  return (u, v) => (half - fold(u + steep * fold(v))) * shrink;
}

const LATTICE = 32; // cells of the noise behind blobs, before it repeats

/** Noise on a lattice, smoothly filled in between, cut at its middle. */
function blobs(stream: Stream): Pattern {
  const heights = new Float64Array(LATTICE * LATTICE);
  const start = stream.int(0, 2 ** 32 - 1);
  for (let i = 0, word = start; i < heights.length; i++) {
    word = (Math.imul(word, 1664525) + 1013904223) >>> 0;
    heights[i] = ((word ^ (word >>> 15)) & 0xffff) / 0x10000 - 0.5;
  }
  return (u, v) => {
    const column = Math.floor(2 * u);
    const row = Math.floor(2 * v);
    const x = 2 * u - column;
    const y = 2 * v - row;
    const a = x * x * (3 - 2 * x);
    const b = y * y * (3 - 2 * y);
    const left = column & (LATTICE - 1);
    const right = (column + 1) & (LATTICE - 1);
    const above = (row & (LATTICE - 1)) * LATTICE;
    const below = ((row + 1) & (LATTICE - 1)) * LATTICE;
    const top = mix(heights[above + left] ?? 0, heights[above + right] ?? 0, a);
    const bottom = mix(heights[below + left] ?? 0, heights[below + right] ?? 0, a);
    return mix(top, bottom, b) * 0.5; // its slope is about 2 a period
  };
}

function mix(a: number, b: number, share: number): number {
  return a + (b - a) * share;
}

// Directions of the lines that part a circle into 2 x 5 equal sectors: cos and sin of k pi / 5.
const SECTORS = [
  [1, 0],
  [0.8090169943749475, 0.5877852522924731],
  [0.30901699437494745, 0.9510565162951535],
  [-0.30901699437494745, 0.9510565162951535],
  [-0.8090169943749475, 0.5877852522924731],
] as const;

/** Sectors around the middle of the picture, up to a shift. */
function sunburst(stream: Stream): Pattern {
  const left = between(stream, -1, 1);
  const top = between(stream, -1, 1);
  return (u, v) => {
    const x = u - left;
    const y = v - top;
    let edge = Infinity;
    let inside = true;
    for (const [c, s] of SECTORS) {
      const side = c * y - s * x;
      if (side < 0) inside = !inside;
      edge = Math.min(edge, Math.abs(side));
    }
    return inside ? edge : -edge;
  };
}

function triangles(stream: Stream): Pattern {
  const inner = between(stream, 0.18, 0.24); // radius of the inscribed circle
  return (u, v) => {
    const x = fold(u);
    const y = cell(v) - 0.12; // it reaches twice as far up as down
    return Math.min(inner - y, inner + 0.5 * y - 0.8660254037844386 * x);
  };
}

function frames(stream: Stream): Pattern {
  const side = between(stream, 0.27, 0.33);
  const half = between(stream, 0.07, 0.1);
  return (u, v) => half - Math.abs(Math.max(fold(u), fold(v)) - side);
}
