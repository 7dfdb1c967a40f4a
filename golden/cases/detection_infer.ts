import { entriesOf } from '../../benchmarks/detection/bind.ts';
import type { ImageSize } from '../../benchmarks/detection/boxes.ts';
import { networks } from '../../benchmarks/detection/c4.ts';
import { restored, restoredMasks } from '../../benchmarks/detection/detections.ts';
import { addDetecting, detect, type Found } from '../../benchmarks/detection/infer.ts';
import { concatenated, type HostArray, hostArray } from '../../harness/engine/array.ts';
import { startEngine } from '../../harness/engine/index.ts';
import { transpose4 } from '../../harness/engine/layout.ts';
import { Program } from '../../harness/engine/program.ts';
import type { Comparisons } from '../../harness/testing/parity/agreement.ts';
import type { ParityCase } from '../../harness/testing/parity/run.ts';
import { integers, sizesOf } from './detection_arrays.ts';
import { picturesOf } from './detection_batch.ts';
import { compareProposals } from './detection_rpn.ts';
import { detectorOf } from './detection_spec.ts';
import { initialStates } from './detection_states.ts';

const SIDE = 14;

/** Detections from given weights, and masks. */
export const detectionInferCase: ParityCase = {
  methods: ['R50-C4 inference', 'R50-C4 inference with masks'],
  run: async (fixture, comparisons) => {
    await startEngine();
    const { spec, pixels } = detectorOf(fixture);
    const made = networks(spec);
    const { pictures, images } = picturesOf(fixture, comparisons, 'in', pixels);
    const [count = 0, height = 0, width = 0] = images.shape;
    const program = new Program();
    const all = [...entriesOf(made, 'parameters'), ...entriesOf(made, 'buffers')];
    for (const [name, { dtype, shape }] of all) program.state(name, { dtype, shape });
    const shape = { images: count, height, width };
    const detecting = { program, name: 'detect', spec, shape };
    addDetecting(detecting, made);
    try {
      await program.writeStates(initialStates(fixture, made));
      const sizes = pictures.map(({ height, width }): ImageSize => [height, width]);
      const { found, proposed } = await detect(detecting, images.data as Float32Array, sizes);
      const file = (name: string) => transpose4(proposed[name] as HostArray, [0, 3, 1, 2]);
      comparisons.add('out.res4', file('features'));
      comparisons.add('out.rpn.objectness_logits', file('logits'));
      comparisons.add('out.rpn.anchor_deltas', file('deltas'));
      const rows = (key: 'scores' | 'deltas', width: number) => {
        const data = concatenated(found.map((one) => one[key]));
        return hostArray('float32', [data.length / width, width], data);
      };
      comparisons.add('out.cls_score', rows('scores', spec.classes + 1));
      comparisons.add('out.bbox_pred', rows('deltas', 4 * spec.classes));
      if (spec.mask) comparisons.add('out.mask_logits', maskLogits(found, spec.classes));
      const originals = sizesOf(fixture, 'in.original_sizes');
      found.forEach((one, i) => {
        compareImage(comparisons, i, one, sizes[i] ?? [0, 0], originals[i] ?? [0, 0]);
      });
    } finally {
      program.dispose();
    }
  },
};

/** Of all images' detections, [D, classes, 14, 14]. */
function maskLogits(found: readonly Found[], classes: number): HostArray {
  const data = concatenated(found.map((one) => one.masks?.logits ?? new Float32Array()));
  const count = data.length / (SIDE * SIDE * classes);
  return transpose4(hostArray('float32', [count, SIDE, SIDE, classes], data), [0, 3, 1, 2]);
}

function compareImage(
  comparisons: Comparisons,
  i: number,
  { proposals, detections, masks }: Found,
  network: readonly [number, number],
  original: readonly [number, number],
): void {
  const { boxes, scores, classes } = detections;
  const list = (values: Float32Array, ...more: number[]) =>
    hostArray('float32', [values.length / more.reduce((a, b) => a * b, 1), ...more], values);
  compareProposals(comparisons, `out.proposals.image${i}`, proposals);
  comparisons.add(`out.network.image${i}.boxes`, list(boxes, 4));
  const left = restored(boxes, network, original);
  const at = <T>(values: ArrayLike<T>) => Array.from(left.places, (place) => values[place] as T);
  comparisons.add(`out.image${i}.boxes`, list(left.boxes, 4));
  comparisons.add(`out.image${i}.scores`, list(Float32Array.from(at(scores))));
  comparisons.add(`out.image${i}.classes`, integers(at(classes)));
  if (masks === undefined) return;
  comparisons.add(`out.network.image${i}.masks`, list(masks.probabilities, SIDE, SIDE));
  const whole = restoredMasks(masks.probabilities, SIDE, left, original);
  const bits = Uint8Array.from(whole.flatMap(({ data }) => [...data]));
  comparisons.add(`out.image${i}.masks`, hostArray('uint8', [whole.length, ...original], bits));
}
