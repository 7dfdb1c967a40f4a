import { UserError } from '../../base/errors.ts';
import { exp, log } from '../../random/elementary.ts';
import type { Stream } from '../../random/stream.ts';
import type { ViewOp, ViewSpec } from '../spec.ts';
import { applyView, type Change, type Size, sizeAfter } from './change.ts';
import { type Box, crop, type Image } from './image.ts';
import type { Interpolation } from './resample.ts';

type OpOf<Kind extends ViewOp['kind']> = Extract<ViewOp, { kind: Kind }>;

/** All that a pipeline does to one image. */
export interface Sampled {
  readonly changes: readonly Change[];
  /** Cut out of the changed image, a view each; absent where that image is the view. */
  readonly patches?: readonly Box[];
}

/**
 * Draws everything that is random in the views of a pipeline, before any pixel is touched. Each
 * operation takes its draws in a fixed order, so views depend on nothing but their stream
 * (docs/reference/methods.md, section 2).
 * @param size side of a view, in pixels
 * @throws UserError for an image that is smaller than its patches.
 */
export function sampleViews(spec: ViewSpec, stream: Stream, from: Size, size: number): Sampled {
  let now = from;
  const changes: Change[] = [];
  for (const op of spec) {
    if (op.kind === 'patches') return { changes, patches: patchBoxes(op, stream, now, size) };
    const made = sampleOp(op, stream, now, sideOf(op, size));
    changes.push(...made);
    for (const change of made) now = sizeAfter(change, now);
  }
  return { changes };
}

/** Side of what an operation cuts out. */
function sideOf(op: ViewOp, size: number): number {
  return ('size' in op ? op.size : undefined) ?? size;
}

/** Doersch et al. 2015, arXiv:1505.05192, figure 3: one patch a cell, so that gaps stay between. */
function patchBoxes(
  { grid, jitter }: OpOf<'patches'>,
  stream: Stream,
  { width, height }: Size,
  size: number,
): Box[] {
  const across = Math.floor(width / grid);
  const down = Math.floor(height / grid);
  if (Math.min(across, down) < size + jitter)
    throw new UserError(
      `the image is ${width} x ${height} pixels where patches are cut; ${grid} x ${grid} cells for ` +
        `patches of ${size} and a jitter of ${jitter} need ${grid * (size + jitter)} along each side`,
    );
  return Array.from({ length: grid * grid }, (_, cell) => {
    const top = Math.floor(cell / grid) * down + stream.int(0, jitter);
    const left = (cell % grid) * across + stream.int(0, jitter);
    return { left, top, width: size, height: size };
  });
}

function sampleOp(
  op: Exclude<ViewOp, { kind: 'patches' }>,
  stream: Stream,
  from: Size,
  size: number,
): readonly Change[] {
  switch (op.kind) {
    case 'randomResizedCrop': {
      const box = randomBox(op, stream, from);
      return [resizeTo(box, size, size, op.interpolation)];
    }
    case 'resize':
      return [shorterSide(op, from)];
    case 'squash':
      return [resizeTo({ left: 0, top: 0, ...from }, size, size, op.interpolation)];
    case 'centerCrop':
      return [{ kind: 'crop', ...centre(from, size) }];
    case 'randomCrop':
      return [paddedCrop(op, stream, from, size)];
    case 'colorJitter':
      return stream.uniform() < op.p ? jitter(op, stream) : [];
    case 'flip':
    case 'grayscale':
      return stream.uniform() < op.p ? [{ kind: op.kind }] : [];
    case 'blur':
      return stream.uniform() < op.p
        ? [{ kind: 'blur', sigma: between(stream, op.sigma[0], op.sigma[1]) }]
        : [];
    case 'solarize':
      return stream.uniform() < op.p ? [{ kind: 'solarize', threshold: op.threshold }] : [];
    case 'rotation':
      return [{ kind: 'rotate', degrees: between(stream, -op.degrees, op.degrees) }];
    case 'lighting':
      return [{ kind: 'lighting', shift: colourShift(op, stream) }];
  }
}

function between(stream: Stream, low: number, high: number): number {
  return low + (high - low) * stream.uniform();
}

function resizeTo(
  box: Box,
  toWidth: number,
  toHeight: number,
  interpolation: Interpolation,
): Change {
  return { kind: 'resize', ...box, toWidth, toHeight, interpolation };
}

/** torchvision's RandomResizedCrop: ten tries, then a central crop of a ratio that is allowed. */
function randomBox(op: OpOf<'randomResizedCrop'>, stream: Stream, { width, height }: Size): Box {
  const [low, high] = op.ratio;
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = width * height * between(stream, op.scale[0], op.scale[1]);
    const ratio = exp(between(stream, log(low), log(high)));
    const w = evenRound(Math.sqrt(area * ratio));
    const h = evenRound(Math.sqrt(area / ratio));
    if (w > 0 && h > 0 && w <= width && h <= height)
      return {
        top: stream.int(0, height - h),
        left: stream.int(0, width - w),
        width: w,
        height: h,
      };
  }
  const ratio = width / height;
  const w = ratio > high ? evenRound(height * high) : width;
  const h = ratio < low ? evenRound(width / low) : height;
  return {
    left: Math.floor((width - w) / 2),
    top: Math.floor((height - h) / 2),
    width: w,
    height: h,
  };
}

/** Python's round: halves go to the even neighbour. */
function evenRound(x: number): number {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.floor(x + 0.5);
  return low % 2 === 0 ? low : low + 1;
}

function shorterSide({ size, interpolation }: OpOf<'resize'>, { width, height }: Size): Change {
  const whole = { left: 0, top: 0, width, height };
  if (width <= height)
    return resizeTo(whole, size, Math.trunc((size * height) / width), interpolation);
  return resizeTo(whole, Math.trunc((size * width) / height), size, interpolation);
}

function centre({ width, height }: Size, size: number): Box {
  return {
    left: evenRound((width - size) / 2),
    top: evenRound((height - size) / 2),
    width: size,
    height: size,
  };
}

function paddedCrop(
  { padding }: OpOf<'randomCrop'>,
  stream: Stream,
  { width, height }: Size,
  size: number,
): Change {
  const free = (length: number) => Math.max(0, length + 2 * padding - size);
  const top = stream.int(0, free(height)) - padding;
  const left = stream.int(0, free(width)) - padding;
  return { kind: 'crop', left, top, width: size, height: size };
}

/** Order first, then the four strengths, whether used or not. */
function jitter(op: OpOf<'colorJitter'>, stream: Stream): Change[] {
  const order = stream.permutation(4);
  const factor = (strength: number) => between(stream, Math.max(0, 1 - strength), 1 + strength);
  const changes: (Change | undefined)[] = [
    op.brightness > 0 ? { kind: 'brightness', factor: factor(op.brightness) } : undefined,
    op.contrast > 0 ? { kind: 'contrast', factor: factor(op.contrast) } : undefined,
    op.saturation > 0 ? { kind: 'saturation', factor: factor(op.saturation) } : undefined,
    op.hue > 0 ? { kind: 'hue', shift: between(stream, -op.hue, op.hue) } : undefined,
  ];
  return [...order].flatMap((i) => changes[i] ?? []);
}

// Principal directions of ImageNet's colours, and their spread (Krizhevsky et al. 2012, section 4.1).
const EIGENVALUES = [0.2175, 0.0188, 0.0045] as const;
const EIGENVECTORS = [
  [-0.5675, 0.7192, 0.4009],
  [-0.5808, -0.0045, -0.814],
  [-0.5836, -0.6948, 0.4203],
] as const;

function colourShift({ std }: OpOf<'lighting'>, stream: Stream): number[] {
  const [a, b, c] = EIGENVALUES.map((value) => value * stream.normal() * std);
  return EIGENVECTORS.map(([x, y, z]) => x * (a ?? 0) + y * (b ?? 0) + z * (c ?? 0));
}

/** The views that were drawn, from a copy of an image. */
export function applyViews(source: Image, { changes, patches }: Sampled): readonly Image[] {
  const whole = applyView(source, changes);
  return patches === undefined ? [whole] : patches.map((box) => crop(whole, box));
}
