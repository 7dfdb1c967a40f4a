import type { Rle } from '../../metrics/rle.ts';
import type { Source } from '../source.ts';

/** Left, top, right, bottom in continuous pixels: a box over a whole picture is 0, 0, width, height. */
export type Corners = readonly [x1: number, y1: number, x2: number, y2: number];

/** Something that a picture shows. */
export interface SeenObject {
  /** From 0, in the order of the classes. */
  readonly class: number;
  readonly box: Corners;
  /** Left, top, width and height, where the data have those: the same box before it was rounded. */
  readonly extent?: readonly [number, number, number, number];
  /** Its outline as x, y, x, y, …, in pixels: one polygon for each part that is seen. */
  readonly polygons?: readonly Float64Array[] | undefined;
  /** In place of polygons. */
  readonly mask?: Rle | undefined;
  /** In pixels, as annotated: of the mask where there is one. */
  readonly area: number;
  /** Several objects under one region: trained on and counted never. */
  readonly crowd: boolean;
  /** Trained on, and not counted when a detector is judged. */
  readonly difficult: boolean;
}

/** A picture as its annotation has it; sides are those after turning it upright. */
export interface ObjectImage {
  readonly id: string | number;
  readonly width: number;
  readonly height: number;
}

/** What is known of the objects of pictures. */
export interface ObjectTruths {
  readonly count: number;
  readonly classes: readonly string[];
  /** The ids that the data's own files have for the classes, where they have some. */
  readonly categories?: readonly number[];
  image(index: number): ObjectImage;
  objects(index: number): readonly SeenObject[];
}

/** Pictures by index with the objects that they show. Read pictures are upright, and of the size known. */
export interface ObjectSource extends ObjectTruths, Omit<Source, 'count' | 'classes'> {}

export function isObjectSource(source: Source): source is ObjectSource {
  return 'objects' in source;
}

/**
 * Indices of the pictures that training draws from: those with anything that is no crowd
 * (`filter_images_with_only_crowd_annotations` of detectron2).
 */
export function trainable({ count, objects }: Pick<ObjectTruths, 'count' | 'objects'>): Int32Array {
  const kept: number[] = [];
  for (let i = 0; i < count; i++) if (objects(i).some(({ crowd }) => !crowd)) kept.push(i);
  return Int32Array.from(kept);
}

/** Pixels by which a box may stand out of its picture: published ones are rounded, and are clipped. */
const SLACK = 1;

/**
 * What is wrong with a box, as the end of a sentence; undefined where nothing is. One without width or
 * height is a box: training leaves it out.
 */
export function faultOfBox(box: Corners, width: number, height: number): string | undefined {
  const [x1, y1, x2, y2] = box;
  const shown = box.map((value) => Number(value.toFixed(3))).join(', ');
  if (!box.every(Number.isFinite)) return `has the box ${shown}; expected finite numbers`;
  if (x2 < x1 || y2 < y1)
    return `has the box ${shown}, whose right or lower side lies before the other; correct it`;
  const outside = Math.max(-x1, -y1, x2 - width, y2 - height);
  return outside > SLACK
    ? `has the box ${shown}, outside the picture of ${width} x ${height} pixels; correct it, or the picture's size`
    : undefined;
}
