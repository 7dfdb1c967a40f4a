import { z } from 'zod';
import { type Boxes, boxAt, boxCount } from '../../benchmarks/detection/boxes.ts';
import { graphMaskTargets } from '../../benchmarks/detection/graph_masks.ts';
import { sideCount, sidesOf } from '../../benchmarks/detection/outline_sides.ts';
import { pasted } from '../../benchmarks/detection/paste_masks.ts';
import {
  boundingBox,
  filled,
  maskTarget,
  type Polygon,
  polygonArea,
} from '../../benchmarks/detection/polygons.ts';
import { hostArray } from '../../harness/engine/array.ts';
import { startEngine } from '../../harness/engine/index.ts';
import { tf } from '../../harness/engine/tf.ts';
import { evaluate } from '../../harness/testing/evaluate.ts';
import { flat } from '../../harness/testing/parity/arrays.ts';
import type { Fixture } from '../../harness/testing/parity/fixture.ts';
import type { ParityCase } from '../../harness/testing/parity/run.ts';
import { boxesOf, placesOf } from './detection_arrays.ts';

const Parameters = z.looseObject({
  image_size: z.tuple([z.int(), z.int()]),
  mask_sizes: z.array(z.int().positive()),
  paste_threshold: z.number(),
});

/** Polygons to bitmaps, and masks to images. */
export const detectionMaskCase: ParityCase = {
  methods: ['mask targets from polygons, masks pasted into images'],
  run: async (fixture, comparisons) => {
    const given = fixture.field('hyper_parameters', Parameters);
    const [height, width] = given.image_size;
    const objects = placesOf(fixture, 'in.object').map((k) =>
      polygonsOf(fixture, `in.object${k}.polygon`),
    );
    for (const [k, polygons] of objects.entries()) {
      const boxes = boxesOf(fixture, `in.object${k}.boxes`);
      const count = boxCount(boxes);
      for (const side of given.mask_sizes) {
        const rows = Array.from({ length: count }, (_, i) =>
          maskTarget(polygons, boxAt(boxes, i), side),
        );
        const data = Uint8Array.from(rows.flatMap(({ data }) => [...data]));
        const shape = [count, side, side];
        comparisons.add(`object${k}.mask${side}`, hostArray('uint8', shape, data));
        const drawn = await withinStep(polygons, boxes, side);
        comparisons.add(`object${k}.mask${side}`, hostArray('uint8', shape, drawn));
      }
      const { data } = filled(polygons, height, width);
      comparisons.add(`object${k}.bitmask`, hostArray('uint8', [height, width], data));
    }
    const around = Float32Array.from(objects.flatMap((polygons) => [...boundingBox(polygons)]));
    comparisons.add('bounding_boxes', hostArray('float32', [objects.length, 4], around));
    const sizes = Float64Array.from(objects, polygonArea);
    comparisons.add('area', hostArray('float64', [objects.length], sizes));
    comparisons.add('paste.out', pastedOf(fixture, given.paste_threshold));
  },
};

/** An object's polygons: `PREFIX0`, `PREFIX1`, … */
export function polygonsOf(fixture: Fixture, prefix: string): Polygon[] {
  return placesOf(fixture, prefix).map((p) =>
    Float64Array.from(flat(fixture.input(`${prefix}${p}`).data)),
  );
}

function pastedOf(fixture: Fixture, threshold: number) {
  const { shape, data } = fixture.input('in.paste.masks');
  const [count = 0, side = 0] = shape;
  const [height = 0, width = 0] = flat(fixture.input('in.paste.image_size').data);
  const boxes = boxesOf(fixture, 'in.paste.boxes');
  const values = Float32Array.from(flat(data));
  const out = new Uint8Array(count * height * width);
  for (let i = 0; i < count; i++) {
    const mask = values.subarray(i * side * side, (i + 1) * side * side);
    const whole = pasted(mask, side, boxAt(boxes, i), [height, width], threshold);
    out.set(whole.data, i * height * width);
  }
  return hostArray('uint8', [count, height, width], out);
}

/** The targets of an object's regions as a step makes them. */
async function withinStep(polygons: readonly Polygon[], boxes: Boxes, side: number) {
  await startEngine();
  const corners = sideCount(polygons);
  const count = boxCount(boxes);
  const found = await evaluate(
    {
      sides: hostArray('float64', [1, corners, 4], sidesOf([polygons], corners).sides),
      parts: hostArray('int32', [1, corners], sidesOf([polygons], corners).parts),
      boxes: hostArray('float32', [count, 4], boxes),
    },
    ({ sides, parts, boxes: regions }) => {
      if (!sides || !parts || !regions) throw new Error('masks: no inputs');
      const outlines = { sides, parts, most: polygons.length };
      const own = tf.fill([count], 0, 'int32');
      return { targets: graphMaskTargets(outlines, own, regions, side) };
    },
  );
  return Uint8Array.from(found.targets?.data ?? [], Number);
}
