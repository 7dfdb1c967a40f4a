import type { ObjectTruths } from '../../harness/data/objects/objects.ts';
import { type Found, rleOfObject } from '../../harness/evaluation/object_scores.ts';
import { rleOfPolygons } from '../../harness/metrics/rle_polygon.ts';
import { stream } from '../../harness/random/stream.ts';

/**
 * What a detector of middling skill might find: objects moved and stretched a little, some taken for
 * another class, some missed, and boxes where nothing is. From the seed alone.
 */
export function jittered(
  truths: ObjectTruths,
  { seed = 0, masks = false }: { readonly seed?: number; readonly masks?: boolean } = {},
): Found[] {
  const found: Found[] = [];
  for (let image = 0; image < truths.count; image++) {
    const draws = stream(seed, 'jittered', image);
    const { width, height } = truths.image(image);
    const add = (
      label: number,
      [x1, y1, x2, y2]: Found['box'],
      score: number,
      mask?: Found['mask'],
    ) => {
      const side = (value: number, most: number) => Math.fround(Math.min(Math.max(value, 0), most));
      const box = [side(x1, width), side(y1, height), side(x2, width), side(y2, height)] as const;
      if (box[2] <= box[0] || box[3] <= box[1]) return;
      const [a, b, c, d] = box;
      const region = mask ?? rleOfPolygons(height, width, [[a, b, c, b, c, d, a, d]]);
      found.push({
        image,
        class: label,
        box,
        score: Math.fround(score),
        ...(masks ? { mask: region } : {}),
      });
    };
    for (const object of truths.objects(image)) {
      if (draws.uniform() < 0.15) continue;
      const [x1, y1, x2, y2] = object.box;
      const by = (size: number) => 0.15 * size * draws.normal() * draws.uniform();
      const [w, h] = [x2 - x1, y2 - y1];
      const other = draws.uniform() < 0.1;
      const label = other ? draws.int(0, truths.classes.length - 1) : object.class;
      const box = [x1 + by(w), y1 + by(h), x2 + by(w), y2 + by(h)] as const;
      const mask = masks ? rleOfObject(object, truths, image) : undefined;
      add(label, box, other ? 0.7 * draws.uniform() : 0.3 + 0.7 * draws.uniform(), mask);
    }
    for (let extra = draws.int(0, 3); extra > 0; extra--) {
      const [x, y] = [draws.uniform() * width, draws.uniform() * height];
      const box = [
        x,
        y,
        x + 0.4 * width * draws.uniform(),
        y + 0.4 * height * draws.uniform(),
      ] as const;
      add(draws.int(0, truths.classes.length - 1), box, 0.6 * draws.uniform());
    }
  }
  return found;
}
