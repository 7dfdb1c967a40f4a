import { outlineOfRle } from '../../metrics/rle_outline.ts';
import type { Corners, SeenObject } from './objects.ts';

/** What a picture and its objects become. */
export interface PictureChange {
  /** Of the picture before. */
  readonly width: number;
  readonly height: number;
  /** Of the picture after. */
  readonly toWidth: number;
  readonly toHeight: number;
  /** Left to right, after the change of size. */
  readonly flip: boolean;
}

/** An object to be trained on, in the pixels of the picture after the change. */
export interface TargetObject {
  readonly class: number;
  /** Inside the picture. */
  readonly box: Corners;
  /** Not clipped. Made when they are asked for: a detector without masks takes none. */
  readonly polygons: readonly Float64Array[];
}

/**
 * The size of a picture whose short side becomes `short`, unless the long one would pass `longest`; then
 * that becomes `longest` (`ResizeShortestEdge` of detectron2).
 * @returns whole pixels
 */
export function sizeFor(
  { width, height }: { readonly width: number; readonly height: number },
  short: number,
  longest: number,
): { readonly toWidth: number; readonly toHeight: number } {
  const scale = short / Math.min(height, width);
  let [toHeight, toWidth] = height < width ? [short, scale * width] : [scale * height, short];
  const most = Math.max(toHeight, toWidth);
  if (most > longest) {
    toHeight *= longest / most;
    toWidth *= longest / most;
  }
  return { toWidth: Math.trunc(toWidth + 0.5), toHeight: Math.trunc(toHeight + 0.5) };
}

/** A box in the pixels of the changed picture; not clipped. */
export function changedBox([x1, y1, x2, y2]: Corners, change: PictureChange): Corners {
  const { width, height, toWidth, toHeight, flip } = change;
  const [across, down] = [toWidth / width, toHeight / height];
  const [left, right] = [x1 * across, x2 * across];
  return flip
    ? [toWidth - right, y1 * down, toWidth - left, y2 * down]
    : [left, y1 * down, right, y2 * down];
}

/** An outline in the pixels of the changed picture. */
export function changedPolygon(points: Float64Array, change: PictureChange): Float64Array {
  const { width, height, toWidth, toHeight, flip } = change;
  return points.map((at, i) => {
    if (i % 2 === 1) return at * (toHeight / height);
    const x = at * (toWidth / width);
    return flip ? toWidth - x : x;
  });
}

/** Sides up to this are none, in pixels. */
const NOTHING = 1e-5;

/**
 * The objects that a changed picture is trained on: no crowds, boxes clipped to the picture, none without
 * width or height left. Of a mask it is the outline.
 */
export function targetsOf(objects: readonly SeenObject[], change: PictureChange): TargetObject[] {
  const { toWidth, toHeight } = change;
  return objects
    .filter(({ crowd }) => !crowd)
    .flatMap(({ class: label, box, polygons, mask }) => {
      const [x1, y1, x2, y2] = changedBox(box, change);
      const within = (value: number, most: number) => Math.min(Math.max(value, 0), most);
      const clipped: Corners = [
        within(x1, toWidth),
        within(y1, toHeight),
        within(x2, toWidth),
        within(y2, toHeight),
      ];
      if (clipped[2] - clipped[0] <= NOTHING || clipped[3] - clipped[1] <= NOTHING) return [];
      return [
        {
          class: label,
          box: clipped,
          get polygons() {
            const outlines = polygons ?? (mask === undefined ? [] : [outlineOfRle(mask)]);
            return outlines
              .filter(({ length }) => length > 0)
              .map((points) => changedPolygon(points, change));
          },
        },
      ];
    });
}
