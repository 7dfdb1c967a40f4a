import { anchorGrid } from '../../benchmarks/detection/anchors.ts';
import { boxAt, boxCount, joinedBoxes } from '../../benchmarks/detection/boxes.ts';
import type { DetectorSpec } from '../../benchmarks/detection/c4.ts';
import { featureSize } from '../../benchmarks/detection/infer.ts';
import { maskTarget } from '../../benchmarks/detection/polygons.ts';
import { mostSamples } from '../../benchmarks/detection/roi_align.ts';
import { matchRegions, regionDeltas } from '../../benchmarks/detection/roi_head.ts';
import { anchorTargets, matchAnchors } from '../../benchmarks/detection/rpn.ts';
import { type Image, image } from '../../harness/data/images/image.ts';
import { type PixelScale, paddedPictures } from '../../harness/data/objects/picture.ts';
import { concatenated, type HostArray, hostArray } from '../../harness/engine/array.ts';
import { transpose4 } from '../../harness/engine/layout.ts';
import type { Comparisons } from '../../harness/testing/parity/agreement.ts';
import { flat } from '../../harness/testing/parity/arrays.ts';
import type { Fixture } from '../../harness/testing/parity/fixture.ts';
import { anchorInputs, boxesOf, placesOf } from './detection_arrays.ts';
import { polygonsOf } from './detection_masks.ts';

/** Pictures of a batch, and the batch made of them, which is held to the case's own. */
export function picturesOf(
  fixture: Fixture,
  comparisons: Comparisons,
  prefix: string,
  pixels: PixelScale,
) {
  const pictures = placesOf(fixture, `${prefix}.image`).map((i): Image => {
    const name = `${prefix}.image${i}.pixels`;
    const { shape, data } = fixture.input(name);
    const whole = hostArray('uint8', [1, ...shape], Uint8Array.from(flat(data)));
    const last = transpose4(whole, [0, 2, 3, 1]);
    return image(shape[2] ?? 0, shape[1] ?? 0, last.data as Uint8Array);
  });
  const padded = paddedPictures(pictures, pixels);
  const shape = [pictures.length, padded.height, padded.width, 3];
  const images = hostArray('float32', shape, padded.pixels);
  const name = `${prefix}.img`;
  comparisons.hold(name, transpose4(images, [0, 3, 1, 2]), fixture.input(name));
  return { pictures, images };
}

/** What a step takes, with the case's draws; by name of the graph's inputs. */
export function stepInputs(
  fixture: Fixture,
  comparisons: Comparisons,
  step: number,
  { spec, pixels }: { readonly spec: DetectorSpec; readonly pixels: PixelScale },
) {
  const { pictures, images } = picturesOf(fixture, comparisons, `in.step${step}`, pixels);
  const [, height = 0, width = 0] = images.shape;
  const anchors = anchorGrid(spec.anchors, ...featureSize({ height, width }));
  const targets = pictures.map((_, i) => {
    const truths = boxesOf(fixture, `in.step${step}.image${i}.gt_boxes`);
    const drawn = (name: string) =>
      Int32Array.from(flat(fixture.input(`rng.step${step}.rpn.image${i}.${name}`).data));
    const sample = { positive: drawn('positive'), negative: drawn('negative') };
    return anchorTargets(truths, anchors, matchAnchors(truths, anchors, spec.rpn), sample);
  });
  const regions = pictures.map((_, i) => regionsOf(fixture, `rng.step${step}.roi.image${i}`));
  const classes = concatInts(regions.map((one) => one.classes));
  const goals = regions.map((one) => regionDeltas(one, spec.classes, spec.roi));
  const inputs: Record<string, HostArray> = {
    images,
    ...anchorInputs(targets),
    classes: hostArray('int32', [classes.length], classes),
    goals: hostArray('float32', [classes.length, 4], concatenated(goals)),
  };
  regions.forEach(({ boxes }, i) => {
    inputs[`boxes${i}`] = hostArray('float32', [boxCount(boxes), 4], boxes);
  });
  if (spec.mask) Object.assign(inputs, maskInputs(fixture, comparisons, step, spec, regions));
  const samples = mostSamples(joinedBoxes(regions.map(({ boxes }) => boxes)), spec.pooler);
  return { inputs, anchors, pictures, samples, images: pictures.length };
}

type Regions = ReturnType<typeof regionsOf>;

function regionsOf(fixture: Fixture, prefix: string) {
  const boxes = boxesOf(fixture, `${prefix}.boxes`);
  const classes = Int32Array.from(flat(fixture.input(`${prefix}.classes`).data));
  const given = fixture.inputs.includes(`${prefix}.gt_boxes`);
  const truths = given ? boxesOf(fixture, `${prefix}.gt_boxes`) : new Float32Array(boxes.length);
  return { boxes, classes, truths };
}

/** Targets of the regions that show an object, each of its nearest ground truth. */
function maskInputs(
  fixture: Fixture,
  comparisons: Comparisons,
  step: number,
  spec: DetectorSpec,
  regions: readonly Regions[],
): Record<string, HostArray> {
  const side = spec.pooler.output;
  const rows: number[] = [];
  const targets: Uint8Array[] = [];
  let first = 0;
  regions.forEach(({ boxes, classes }, image) => {
    const all = boxesOf(fixture, `in.step${step}.image${image}.gt_boxes`);
    const { truth } = matchRegions(all, boxes, spec.roi);
    classes.forEach((own, r) => {
      if (own === spec.classes) return;
      const polygons = polygonsOf(fixture, `in.step${step}.image${image}.polygon${truth[r]}.`);
      targets.push(maskTarget(polygons, boxAt(boxes, r), side).data);
      rows.push(first + r);
    });
    first += classes.length;
  });
  const classes = concatInts(regions.map((one) => one.classes));
  const made = Uint8Array.from(targets.flatMap((one) => [...one]));
  const name = `in.step${step}.mask_targets`;
  if (fixture.inputs.includes(name))
    comparisons.hold(
      name,
      hostArray('uint8', [rows.length, side, side], made),
      fixture.input(name),
    );
  // Where nothing is an object a row that counts nothing stands for it: the loss is 0, and so are its gradients.
  const count = Math.max(1, rows.length);
  const list = (values: ArrayLike<number>) =>
    Int32Array.from({ length: count }, (_, i) => values[i] ?? 0);
  const goals = new Float32Array(count * side * side);
  goals.set(made);
  return {
    mask_rows: hostArray('int32', [count], list(rows)),
    mask_classes: hostArray('int32', [count], list(rows.map((row) => classes[row] ?? 0))),
    mask_targets: hostArray('float32', [count, side, side], goals),
    mask_counts: hostArray('float32', [count], Float32Array.from(list(rows.map(() => 1)))),
  };
}

function concatInts(parts: readonly Int32Array[]): Int32Array {
  return Int32Array.from(parts.flatMap((part) => [...part]));
}
