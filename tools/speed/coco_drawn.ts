import { join } from 'node:path';
import { writeAtomic } from '../../harness/base/index.ts';
import { areaOf, extentOf, type Rle } from '../../harness/metrics/rle.ts';
import { rleOfPolygon } from '../../harness/metrics/rle_polygon.ts';
import { rleText } from '../../harness/metrics/rle_text.ts';
import { cos, sin } from '../../harness/random/elementary.ts';
import { type Stream, stream } from '../../harness/random/stream.ts';

const CATEGORIES = 80;
const TRUTHS = 7; // of an image, as COCO has on average
const [HEIGHT, WIDTH] = [360, 480];
const SIZES = [16, 30, 60, 120, 200]; // pixels
const CORNERS = 12;

interface Drawn {
  readonly category: number;
  /** Middle and half sides. */
  readonly oval: readonly [x: number, y: number, a: number, b: number];
}

/**
 * Writes `annotations.json`, `boxes.json` and `masks.json`, in COCO's formats: images with seven ovals,
 * and detections of which some are near one of them.
 * @param each detections of an image
 */
export async function writeDrawnResults(
  folder: string,
  images: number,
  each: number,
): Promise<void> {
  const annotations: object[] = [];
  const boxes: string[] = [];
  const masks: string[] = [];
  for (let image = 1; image <= images; image++) {
    const draws = stream(0, 'drawn results', image);
    const truths = Array.from({ length: TRUTHS }, () => drawn(draws));
    for (const { category, oval } of truths)
      annotations.push(annotationOf(annotations.length + 1, image, category, outlineOf(oval)));
    for (let i = 0; i < each; i++) {
      const near = truths[i % (3 * TRUTHS)];
      const found = near === undefined ? drawn(draws) : moved(draws, near);
      const mask = rleOfPolygon(HEIGHT, WIDTH, outlineOf(found.oval));
      const head = `"image_id":${image},"category_id":${found.category},"score":${draws.uniform()}`;
      boxes.push(`{${head},"bbox":[${extentOf(mask)}]}`);
      const counts = JSON.stringify(rleText(mask));
      masks.push(`{${head},"segmentation":{"size":[${HEIGHT},${WIDTH}],"counts":${counts}}}`);
    }
  }
  const known = {
    images: Array.from({ length: images }, (_, i) => ({ id: i + 1, height: HEIGHT, width: WIDTH })),
    categories: Array.from({ length: CATEGORIES }, (_, i) => ({ id: i + 1, name: `c${i}` })),
    annotations,
  };
  await writeAtomic(join(folder, 'annotations.json'), JSON.stringify(known));
  await writeAtomic(join(folder, 'boxes.json'), `[${boxes.join(',\n')}]`);
  await writeAtomic(join(folder, 'masks.json'), `[${masks.join(',\n')}]`);
}

function annotationOf(id: number, image: number, category: number, outline: readonly number[]) {
  const mask: Rle = rleOfPolygon(HEIGHT, WIDTH, outline);
  const where = { id, image_id: image, category_id: category, iscrowd: 0 };
  return { ...where, area: areaOf(mask), bbox: extentOf(mask), segmentation: [outline] };
}

function drawn(draws: Stream): Drawn {
  const side = () => (SIZES[draws.int(0, SIZES.length - 1)] ?? 0) / 2;
  const oval = [draws.uniform() * WIDTH, draws.uniform() * HEIGHT, side(), side()] as const;
  return { category: draws.int(1, CATEGORIES), oval };
}

function moved(draws: Stream, { category, oval: [x, y, a, b] }: Drawn): Drawn {
  const by = (size: number) => size * 0.3 * (draws.uniform() - 0.5);
  return { category, oval: [x + by(a), y + by(b), a + by(a), b + by(b)] };
}

const CIRCLE = Array.from({ length: CORNERS }, (_, i) => {
  const angle = (2 * Math.PI * i) / CORNERS;
  return [cos(angle), sin(angle)] as const;
});

function outlineOf([x, y, a, b]: Drawn['oval']): number[] {
  const within = (value: number, most: number) =>
    Math.round(100 * Math.min(Math.max(value, 0), most)) / 100;
  return CIRCLE.flatMap(([c, s]) => [within(x + a * c, WIDTH), within(y + b * s, HEIGHT)]);
}
