import { z } from 'zod';
import { UserError } from '../../base/errors.ts';
import { parse } from '../../base/parse.ts';
import { type Rle, rleOf } from '../../metrics/rle.ts';
import { isFarOutside } from '../../metrics/rle_polygon.ts';
import { rleOfText, rleText } from '../../metrics/rle_text.ts';
import { readJsonParts } from './json_parts.ts';
import { NumberRows } from './numbers.ts';
import { type Corners, faultOfBox, type ObjectImage, type SeenObject } from './objects.ts';

const side = z.int().positive().max(1_000_000);
const Image = z.looseObject({
  id: z.int(),
  file_name: z
    .string()
    .regex(/^[^/\\\0][^\\\0]*$/)
    .refine((name) => !name.split('/').includes('..')),
  width: side,
  height: side,
});
const Category = z.looseObject({ id: z.int(), name: z.string().min(1) });
const crowdFlag = z.union([z.literal(0), z.literal(1), z.boolean()]).default(0);
const Annotation = z.looseObject({
  id: z.int().optional(),
  image_id: z.int(),
  category_id: z.int(),
  bbox: z.tuple([z.number(), z.number(), z.number(), z.number()]),
  area: z.number().min(0).optional(),
  iscrowd: crowdFlag,
  segmentation: z
    .union([
      z.array(z.array(z.number())),
      z.looseObject({
        size: z.tuple([side, side]),
        counts: z.union([z.string(), z.array(z.number())]),
      }),
    ])
    .optional(),
});
type Annotation = z.infer<typeof Annotation>;

/** A picture of COCO's. */
export interface CocoImage extends ObjectImage {
  readonly id: number;
  readonly file: string;
}

/**
 * COCO's instances, kept in columns: the numbers of 860,001 objects take half a GiB that
 * way, and several as values of JSON. Run lengths are kept as COCO's letters.
 */
export class CocoFile {
  /** Ids, ascending: class 0 has the smallest. */
  readonly categories: readonly number[];
  readonly classes: readonly string[];
  /** By ascending id. */
  readonly images: readonly CocoImage[];
  private readonly rows: CocoRows;
  /** Objects of each image, in the order of the file. */
  private readonly ofImage: readonly (readonly number[])[];

  constructor(path: string, read: CocoLists) {
    this.rows = read.rows;
    const named = [...read.categories].sort((a, b) => a.id - b.id);
    this.categories = named.map(({ id }) => id);
    this.classes = named.map(({ name }) => name);
    this.images = [...read.images].sort((a, b) => a.id - b.id);
    unrepeated(path, 'category', this.categories);
    const ids = this.images.map(({ id }) => id);
    unrepeated(path, 'image', ids);
    unrepeated(path, 'annotation', this.rows.ids());
    const places = new Map(ids.map((id, place) => [id, place]));
    const labels = new Map(this.categories.map((id, label) => [id, label]));
    const ofImage: number[][] = this.images.map(() => []);
    for (let row = 0; row < this.rows.length; row++) {
      const { image, category } = this.rows.row(row);
      const place = places.get(image);
      const where = () => this.rows.describe(path, row);
      if (place === undefined)
        throw new UserError(
          `${where()}: its image ${image} is none of the ${ids.length} of the file; remove it, or add the image`,
        );
      if (!labels.has(category))
        throw new UserError(
          `${where()}: its category ${category} is none of the ${labels.size} of the file; correct it`,
        );
      const size = this.images[place] ?? { width: 0, height: 0 };
      const fault = this.rows.fault(row, size);
      if (fault !== undefined) throw new UserError(`${where()} ${fault}`);
      if (this.rows.isSeen(row)) ofImage[place]?.push(row);
    }
    this.ofImage = ofImage;
  }

  objects(place: number): readonly SeenObject[] {
    return (this.ofImage[place] ?? []).map((row) =>
      this.rows.object(row, (category) => this.categories.indexOf(category)),
    );
  }
}

interface CocoLists {
  readonly images: readonly CocoImage[];
  readonly categories: readonly z.infer<typeof Category>[];
  readonly rows: CocoRows;
}

function unrepeated(path: string, what: string, ascending: ArrayLike<number>): void {
  for (let i = 1; i < ascending.length; i++)
    if (ascending[i] === ascending[i - 1])
      throw new UserError(
        `${path}: ${what} ${ascending[i]} is there twice; ids are to be unique, so remove one`,
      );
}

/**
 * Reads a file of COCO's instances in pieces.
 * @throws UserError naming the file and what in it: JSON that breaks, a list that is missing, an image,
 *   category or annotation by place and id that is malformed, or says what cannot be
 */
export async function readCocoFile(path: string, signal?: AbortSignal): Promise<CocoFile> {
  const images: CocoImage[] = [];
  const categories: z.infer<typeof Category>[] = [];
  const rows = new CocoRows();
  await readJsonParts(
    path,
    ['images', 'annotations', 'categories'],
    (list, index, item) => {
      const what = `${path}: ${list.replace('ies', 'y').replace(/s$/, '')} ${index}${idOf(item)}`;
      if (list === 'images') {
        const { id, file_name, width, height } = parse(Image, item, what);
        images.push({ id, file: file_name, width, height });
      } else if (list === 'categories') categories.push(parse(Category, item, what));
      else rows.push(what, parse(Annotation, item, what));
    },
    signal,
  );
  return new CocoFile(path, { images, categories, rows });
}

function idOf(item: unknown): string {
  const id: unknown =
    typeof item === 'object' && item !== null ? Reflect.get(item, 'id') : undefined;
  return typeof id === 'number' ? ` (id ${id})` : '';
}

/** A polygon needs three corners; detectron2 leaves out others, and an object that has none left. */
const FEWEST = 6;

class CocoRows {
  /** id, image, category, crowd, area, left, top, width, height, first polygon, polygons. */
  private readonly fields = new NumberRows();
  private readonly points = new NumberRows();
  private readonly masks = new Map<
    number,
    { readonly size: readonly [number, number]; readonly text: string }
  >();
  private readonly unseen = new Set<number>();

  get length(): number {
    return this.fields.length;
  }

  push(what: string, { id, image_id, category_id, bbox, area, iscrowd, segmentation }: Annotation) {
    const row = this.length;
    const first = this.points.length;
    if (Array.isArray(segmentation)) {
      for (const polygon of segmentation)
        if (polygon.length % 2 === 0 && polygon.length >= FEWEST) this.points.push(polygon);
      if (segmentation.length > 0 && this.points.length === first) this.unseen.add(row);
    } else if (segmentation !== undefined) {
      const mask = maskOf(what, segmentation);
      this.masks.set(row, { size: segmentation.size, text: rleText(mask) });
    }
    const numbers = [id ?? -1, image_id, category_id, Number(iscrowd)];
    const own = area ?? bbox[2] * bbox[3];
    this.fields.push([...numbers, own, ...bbox, first, this.points.length - first]);
  }

  /** Own ids, ascending, where there are some. */
  ids(): Float64Array {
    const all = Float64Array.from(
      { length: this.length },
      (_, row) => this.fields.row(row)[0] ?? -1,
    );
    return all.filter((id) => id >= 0).sort();
  }

  /** The ids that the file has for an object's picture and category. */
  row(index: number): { readonly image: number; readonly category: number } {
    const [, image = 0, category = 0] = this.fields.row(index);
    return { image, category };
  }

  /** Whether any of its polygons is left, where it came with some. */
  isSeen(row: number): boolean {
    return !this.unseen.has(row);
  }

  describe(path: string, row: number): string {
    const [id = -1] = this.fields.row(row);
    return `${path}: annotation ${row}${id < 0 ? '' : ` (id ${id})`}`;
  }

  private extent(row: number): readonly [number, number, number, number] {
    const [x = 0, y = 0, width = 0, height = 0] = this.fields.row(row).subarray(5);
    return [x, y, width, height];
  }

  /** What cannot be on a picture of that size, as the end of a sentence. */
  fault(row: number, { width, height }: Pick<ObjectImage, 'width' | 'height'>): string | undefined {
    const fault = faultOfBox(this.box(row), width, height);
    if (fault !== undefined) return fault;
    const mask = this.masks.get(row);
    if (mask !== undefined && (mask.size[0] !== height || mask.size[1] !== width))
      return `has a mask of size [${mask.size}], its picture is of [${height}, ${width}]; correct one of them`;
    const outside = this.polygons(row).some((points) => isFarOutside(points, height, width));
    return outside
      ? `has an outline far outside its picture of ${width} x ${height} pixels; correct it`
      : undefined;
  }

  object(row: number, labelOf: (category: number) => number): SeenObject {
    const [, , category = 0, crowd = 0, area = 0] = this.fields.row(row);
    const mask = this.masks.get(row);
    const polygons = this.polygons(row);
    return {
      class: labelOf(category),
      box: this.box(row),
      extent: this.extent(row),
      ...(polygons.length > 0 ? { polygons } : {}),
      ...(mask === undefined ? {} : { mask: rleOfText(...mask.size, mask.text) }),
      area,
      crowd: crowd !== 0,
      difficult: false,
    };
  }

  private box(row: number): Corners {
    const [x, y, width, height] = this.extent(row);
    return [x, y, x + width, y + height];
  }

  private polygons(row: number): readonly Float64Array[] {
    const [first = 0, count = 0] = this.fields.row(row).subarray(9);
    return Array.from({ length: count }, (_, i) => this.points.row(first + i));
  }
}

function maskOf(
  what: string,
  { size, counts }: Exclude<Annotation['segmentation'], readonly unknown[] | undefined>,
): Rle {
  try {
    return typeof counts === 'string' ? rleOfText(...size, counts) : rleOf(...size, counts);
  } catch (cause) {
    throw cause instanceof UserError
      ? new UserError(`${what}: ${cause.message}`, { cause })
      : cause;
  }
}
