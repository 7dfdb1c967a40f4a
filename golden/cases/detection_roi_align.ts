import { z } from 'zod';
import { mostSamples, type RoiAlignSpec, roiAlign } from '../../benchmarks/detection/roi_align.ts';
import { startEngine } from '../../harness/engine/index.ts';
import { transpose4 } from '../../harness/engine/layout.ts';
import { rows } from '../../harness/engine/ops/indexing.ts';
import { type Tensor, tf } from '../../harness/engine/tf.ts';
import { differentiate, floats } from '../../harness/testing/evaluate.ts';
import { flat } from '../../harness/testing/parity/arrays.ts';
import type { ParityCase } from '../../harness/testing/parity/run.ts';

const Variant = z.strictObject({
  output: z.int().positive(),
  sampling_ratio: z.int().nonnegative(),
  aligned: z.boolean(),
});
const Parameters = z.looseObject({
  spatial_scale: z.number(),
  variants: z.record(z.string(), Variant),
});

const LAST = [0, 2, 3, 1] as const; // channels last
const FIRST = [0, 3, 1, 2] as const;

/** Pooled regions and the gradient of the features. */
export const detectionRoiAlignCase: ParityCase = {
  methods: ['ROIAlign'],
  run: async (fixture, comparisons) => {
    await startEngine();
    const { spatial_scale: scale, variants } = fixture.field('hyper_parameters', Parameters);
    const features = transpose4(fixture.input('in.features'), [...LAST]);
    const [count = 0] = fixture.input('in.rois').shape;
    const regions = sortedByImage(flat(fixture.input('in.rois').data), features.shape[0] ?? 0);
    const constants = Object.fromEntries(
      regions.boxes.map((own, image) => [`boxes${image}`, floats([own.length / 4, 4], own)]),
    );
    for (const [name, { output, sampling_ratio, aligned }] of Object.entries(variants)) {
      const spec = { output, scale, samplingRatio: sampling_ratio, aligned };
      const upstream = transpose4(fixture.input(`in.${name}.grad_out`), [...LAST]);
      const apply = (tensors: Readonly<Record<string, Tensor>>) => pooled(tensors, regions, spec);
      const made = await differentiate({ variables: { features }, constants, apply }, upstream);
      const [y, slope] = [made.y, made['grad.features']];
      if (count === 0 || y === undefined || slope === undefined)
        throw new Error('nothing was pooled');
      comparisons.add(`${name}.out`, transpose4(y, [...FIRST]));
      comparisons.add(`${name}.grad_features`, transpose4(slope, [...FIRST]));
    }
  },
};

interface Regions {
  /** Of each image. */
  readonly boxes: readonly Float32Array[];
  /** Where each region of the case lies among those of all images in turn. */
  readonly places: Int32Array;
}

/** @param rows image, x1, y1, x2, y2 */
function sortedByImage(values: readonly number[], images: number): Regions {
  const count = values.length / 5;
  const members = Array.from({ length: images }, (_, image) =>
    Array.from({ length: count }, (__, i) => i).filter((i) => values[5 * i] === image),
  );
  const places = new Int32Array(count);
  members.flat().forEach((i, place) => {
    places[i] = place;
  });
  const boxOf = (i: number) => values.slice(5 * i + 1, 5 * i + 5);
  return { boxes: members.map((own) => Float32Array.from(own.flatMap(boxOf))), places };
}

/** @param tensors `features`, and `boxes0`, … of each image */
function pooled(
  { features, ...given }: Readonly<Record<string, Tensor>>,
  { boxes, places }: Regions,
  spec: RoiAlignSpec,
): Tensor {
  if (features === undefined) throw new Error('no features');
  const [, height = 0, width = 0, channels = 0] = features.shape;
  const parts = boxes.flatMap((own, image) => {
    const regions = given[`boxes${image}`];
    if (own.length === 0 || regions === undefined) return [];
    const map = tf.reshape(tf.slice(features, [image, 0, 0, 0], [1, height, width, channels]), [
      height,
      width,
      channels,
    ]);
    return [roiAlign(map, regions, spec, mostSamples(own, spec))];
  });
  const all = parts.length === 1 ? (parts[0] as Tensor) : tf.concat(parts, 0);
  return rows(all, tf.tensor1d(Array.from(places), 'int32'));
}
