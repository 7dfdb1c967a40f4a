import { type Kernels, loadKernels } from '../kernels/pixels.ts';
import { boxOf, boxRadius } from './blur.ts';
import { applyView, type Change } from './change.ts';
import { type Box, type Image, image } from './image.ts';
import { FILTERS, type Interpolation } from './resample.ts';

const PAGE = 65_536; // bytes, of WebAssembly memory
const LANES = 16; // pixels that a kernel takes at once: it may go past an end by less
const MAX_RADIUS = 63; // of a box blur whose sums stay below 2^15

/** An image inside the kernels' memory, in three planes of bytes. */
interface Planes {
  readonly width: number;
  readonly height: number;
  readonly at: number;
  /** Bytes from plane to plane. */
  readonly plane: number;
}

/**
 * Makes views of images by WebAssembly kernels: the bits of `applyView`, faster. A canvas keeps the
 * memory of the largest image it has seen.
 */
export class Canvas {
  private readonly kernels: Kernels;
  private bytes: Uint8Array;
  private source: Image = image(0, 0);
  /** First free byte: past the source, then past what a view has taken. */
  private free = 0;
  private base = 0;

  constructor() {
    this.kernels = loadKernels();
    this.bytes = new Uint8Array(this.kernels.memory.buffer);
  }

  /** Takes the image of the views to come. */
  open(source: Image): void {
    this.free = 0;
    this.source = source;
    const at = this.take(source.pixels.length);
    this.bytes.set(source.pixels, at);
    this.base = this.free;
  }

  /**
   * Writes the view that `changes` make of the image to `to`, uint8 [height, width, 3].
   * @throws RangeError where `to` has another size than the view.
   */
  view(changes: readonly Change[], to: Uint8Array): void {
    this.free = this.base;
    let planes: Planes | undefined;
    for (const change of changes) planes = this.change(planes, change);
    if (planes === undefined) {
      this.fits(this.source, to);
      to.set(this.source.pixels);
      return;
    }
    this.fits(planes, to);
    const count = planes.width * planes.height;
    const at = this.interleaved(planes);
    to.set(this.bytes.subarray(at, at + count * 3));
  }

  /**
   * Writes patches of the image that `changes` make, uint8 [height, width, 3] each; the image itself is
   * made once.
   * @param boxes inside that image
   */
  patches(changes: readonly Change[], boxes: readonly Box[], to: readonly Uint8Array[]): void {
    this.free = this.base;
    let planes: Planes | undefined;
    for (const change of changes) planes = this.change(planes, change);
    const at = this.interleaved(planes);
    const pitch = (planes ?? this.source).width * 3;
    boxes.forEach((box, patch) => {
      const view = to[patch] ?? new Uint8Array();
      this.fits(box, view);
      for (let y = 0; y < box.height; y++) {
        const row = at + (box.top + y) * pitch + box.left * 3;
        view.set(this.bytes.subarray(row, row + box.width * 3), y * box.width * 3);
      }
    });
  }

  private fits({ width, height }: { width: number; height: number }, to: Uint8Array): void {
    if (to.length !== width * height * 3)
      throw new RangeError(`view: ${width} x ${height} x 3 pixels, room for ${to.length}`);
  }

  private change(planes: Planes | undefined, change: Change): Planes {
    switch (change.kind) {
      case 'crop':
        return this.crop(planes, change);
      case 'resize':
        return this.resize(planes, change, change.toWidth, change.toHeight, change.interpolation);
      case 'flip':
        return this.flip(planes ?? this.whole(), change);
      case 'blur':
        return this.blur(planes ?? this.whole(), change);
      case 'rotate':
      case 'lighting':
        return this.plainly(planes ?? this.whole(), change);
      default:
        return this.colour(planes ?? this.whole(), change);
    }
  }

  /** Free bytes, aligned, with room behind for kernels that go past the end. */
  private take(length: number): number {
    const at = this.free;
    this.free = at + Math.ceil(length / LANES) * LANES + 4 * LANES;
    const missing = this.free - this.bytes.length;
    if (missing > 0) {
      this.kernels.memory.grow(Math.ceil(missing / PAGE));
      this.bytes = new Uint8Array(this.kernels.memory.buffer);
    }
    return at;
  }

  private planes(width: number, height: number): Planes {
    const plane = Math.ceil((width * height) / LANES) * LANES;
    return { width, height, plane, at: this.take(3 * plane) };
  }

  private whole(): Planes {
    const { width, height } = this.source;
    return this.crop(undefined, { left: 0, top: 0, width, height });
  }

  /** Address of the pixels of an image in rows of [width, 3]. */
  private interleaved(planes: Planes | undefined): number {
    if (planes === undefined) return 0;
    const { at, plane, width, height } = planes;
    const to = this.take(width * height * 3);
    this.kernels.interleave(at, plane, width * height, to);
    return to;
  }

  private crop(planes: Planes | undefined, box: Box): Planes {
    const from = planes ?? this.source;
    const made = this.planes(box.width, box.height);
    const left = Math.max(0, box.left);
    const top = Math.max(0, box.top);
    const width = Math.min(from.width, box.left + box.width) - left;
    const height = Math.min(from.height, box.top + box.height) - top;
    if (width < box.width || height < box.height)
      this.bytes.fill(0, made.at, made.at + 3 * made.plane);
    if (width <= 0 || height <= 0) return made;
    const to = made.at + (top - box.top) * box.width + left - box.left;
    const first = this.interleaved(planes) + (top * from.width + left) * 3;
    this.kernels.deinterleave(first, from.width * 3, height, width, to, box.width, made.plane);
    return made;
  }

  private resize(
    planes: Planes | undefined,
    box: Box,
    width: number,
    height: number,
    interpolation: Interpolation,
  ): Planes {
    const { kernels } = this;
    const pitch = (planes ?? this.source).width * 3;
    const first = this.interleaved(planes) + box.top * pitch + box.left * 3;
    const across = this.weights(box.width, width, interpolation);
    const down = this.weights(box.height, height, interpolation);
    const rows = this.planes(width, box.height);
    const made = this.planes(width, height);
    kernels.horizontal(
      ...([first, pitch, box.height, rows.at, rows.plane] as const),
      ...([width, across.at, across.stride, across.pairs] as const),
    );
    for (let c = 0; c < 3; c++) {
      const from = rows.at + c * rows.plane;
      const to = made.at + c * made.plane;
      kernels.vertical(from, to, width, height, down.at, down.stride);
    }
    return made;
  }

  private weights(input: number, output: number, interpolation: Interpolation) {
    const support = FILTERS[interpolation].support * Math.max(input / output, 1);
    const stride = Math.ceil(support) * 2 + 2;
    const at = this.take(4 * output * (2 + stride));
    const bicubic = interpolation === 'bicubic' ? 1 : 0;
    return { at, stride, pairs: this.kernels.weights(input, output, bicubic, stride, at) };
  }

  private flip(planes: Planes, change: Change): Planes {
    const { width, height, at, plane } = planes;
    if (width < LANES) return this.plainly(planes, change);
    const made = this.planes(width, height);
    for (let c = 0; c < 3; c++)
      this.kernels.flip(at + c * plane, made.at + c * made.plane, width, height);
    return made;
  }

  private blur(planes: Planes, change: Extract<Change, { kind: 'blur' }>): Planes {
    const { width, height, at, plane } = planes;
    const boxRadiusOfSigma = boxRadius(change.sigma);
    const { radius, inner, far } = boxOf(boxRadiusOfSigma);
    if (boxRadiusOfSigma === 0) return planes;
    if (width < LANES || height < LANES || radius > MAX_RADIUS) return this.plainly(planes, change);
    const between = this.planes(width, height);
    const room = this.take((Math.max(width, height) + 2 * radius + 2) * 2 * LANES + 512);
    for (let c = 0; c < 3; c++) {
      const here = at + c * plane;
      const there = between.at + c * between.plane;
      this.kernels.blurRows(here, there, width, height, radius, inner, far, room);
      this.kernels.blurColumns(there, here, width, height, radius, inner, far, room);
    }
    return planes;
  }

  private colour(
    planes: Planes,
    change: Exclude<Change, { kind: 'crop' | 'resize' | 'flip' | 'blur' | 'rotate' | 'lighting' }>,
  ): Planes {
    const { kernels } = this;
    const { at, plane } = planes;
    const count = planes.width * planes.height;
    switch (change.kind) {
      case 'grayscale':
        kernels.grayscale(at, plane, count);
        break;
      case 'brightness':
        kernels.blendWith(at, 3 * plane, 0, change.factor);
        break;
      case 'contrast': {
        const mean = Math.trunc(kernels.lumaSum(at, plane, count) / count + 0.5);
        kernels.blendWith(at, 3 * plane, mean, change.factor);
        break;
      }
      case 'saturation':
        kernels.saturation(at, plane, count, change.factor);
        break;
      case 'hue':
        kernels.hue(at, plane, count, Math.trunc(change.shift * 255) & 255);
        break;
      case 'solarize':
        kernels.solarize(at, 3 * plane, change.threshold);
        break;
    }
    return planes;
  }

  /** A change by `applyView`: what has no kernel, or an image too small for one. */
  private plainly(planes: Planes, change: Change): Planes {
    const { width, height } = planes;
    const from = this.interleaved(planes);
    const pixels = this.bytes.slice(from, from + width * height * 3);
    const changed = applyView(image(width, height, pixels), [change]);
    this.bytes.set(changed.pixels, from);
    const made = this.planes(width, height);
    this.kernels.deinterleave(from, width * 3, height, width, made.at, width, made.plane);
    return made;
  }
}
