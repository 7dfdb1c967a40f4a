import { z } from 'zod';
import { anchorGrid, cellAnchors } from '../../benchmarks/detection/anchors.ts';
import {
  type CoderWeights,
  decodeBoxes,
  encodeBoxes,
} from '../../benchmarks/detection/box_coder.ts';
import { boxCount, clipped, nonEmpty, pairwiseIou } from '../../benchmarks/detection/boxes.ts';
import { type MatcherSpec, matched } from '../../benchmarks/detection/matcher.ts';
import { classwiseNms } from '../../benchmarks/detection/nms.ts';
import { hostArray } from '../../harness/engine/array.ts';
import type { Comparisons } from '../../harness/testing/parity/agreement.ts';
import { flat } from '../../harness/testing/parity/arrays.ts';
import type { Fixture } from '../../harness/testing/parity/fixture.ts';
import type { ParityCase } from '../../harness/testing/parity/run.ts';
import { boxesOf, integers, placesOf } from './detection_arrays.ts';

const anchorCase: ParityCase = {
  methods: ['anchor generator'],
  run: async (fixture, comparisons) => {
    for (const k of placesOf(fixture, 'in.set')) {
      const list = (name: string) => flat(fixture.input(`in.set${k}.${name}`).data);
      const [stride = 0] = list('stride');
      const [offset = 0] = list('offset');
      const [height = 0, width = 0] = list('shape');
      const spec = { sizes: list('sizes'), ratios: list('ratios'), stride, offset };
      const [cell, all] = [cellAnchors(spec), anchorGrid(spec, height, width)];
      comparisons.add(`set${k}.cell_anchors`, hostArray('float32', [boxCount(cell), 4], cell));
      comparisons.add(`set${k}.anchors`, hostArray('float32', [boxCount(all), 4], all));
    }
  },
};

const four = z.tuple([z.number(), z.number(), z.number(), z.number()]);
const Matcher = z.object({
  thresholds: z.array(z.number()),
  labels: z.array(z.union([z.literal(1), z.literal(0), z.literal(-1)])),
  allow_low_quality_matches: z.boolean(),
});
const BoxParameters = z.looseObject({
  weights: z.record(z.string(), four),
  matcher: z.record(z.string(), Matcher),
});

const boxCase: ParityCase = {
  methods: ['boxes: transform, IoU, clip, matcher'],
  run: async (fixture, comparisons) => {
    const { weights, matcher } = fixture.field('hyper_parameters', BoxParameters);
    const [from, to] = [boxesOf(fixture, 'in.src'), boxesOf(fixture, 'in.dst')];
    for (const [name, own] of Object.entries(weights))
      compareCoder(fixture, comparisons, name, own, from, to);
    const [a, b] = [boxesOf(fixture, 'in.iou.a'), boxesOf(fixture, 'in.iou.b')];
    comparisons.add('iou', hostArray('float32', [boxCount(a), boxCount(b)], pairwiseIou(a, b)));
    const [height = 0, width = 0] = flat(fixture.input('in.clip.image_size').data);
    const inside = clipped(boxesOf(fixture, 'in.clip.boxes'), [height, width]);
    comparisons.add('clip.boxes', hostArray('float32', [boxCount(inside), 4], inside));
    const sides = flat(fixture.input('in.nonempty.thresholds').data);
    const large = Uint8Array.from(sides.flatMap((side) => [...nonEmpty(inside, side)]));
    comparisons.add('nonempty', hostArray('uint8', [sides.length, boxCount(inside)], large));
    for (const k of placesOf(fixture, 'in.match'))
      for (const [name, given] of Object.entries(matcher)) {
        const { allow_low_quality_matches: lowQuality, ...bounds } = given;
        const spec: MatcherSpec = { ...bounds, lowQuality };
        const truths = boxesOf(fixture, `in.match${k}.gt`);
        const { truth, label } = matched(truths, boxesOf(fixture, `in.match${k}.boxes`), spec);
        comparisons.add(`match${k}.${name}.idx`, integers(truth));
        comparisons.add(`match${k}.${name}.label`, integers(label));
      }
  },
};

function compareCoder(
  fixture: Fixture,
  comparisons: Comparisons,
  name: string,
  weights: CoderWeights,
  from: Float32Array,
  to: Float32Array,
): void {
  const deltas = encodeBoxes(from, to, weights);
  comparisons.add(`deltas.${name}`, hostArray('float32', [boxCount(deltas), 4], deltas));
  const given = fixture.input(`in.${name}.deltas`);
  const moved = decodeBoxes(Float32Array.from(flat(given.data)), from, weights);
  comparisons.add(`boxes.${name}`, hostArray('float32', given.shape, moved));
}

const nmsCase: ParityCase = {
  methods: ['batched non-maximum suppression'],
  run: async (fixture, comparisons) => {
    for (const k of placesOf(fixture, 'in.set')) {
      const input = (name: string) => fixture.input(`in.set${k}.${name}`).data;
      const scores = flat(input('scores'));
      const [threshold = 0] = flat(input('threshold'));
      const boxes = boxesOf(fixture, `in.set${k}.boxes`);
      const kept = classwiseNms(boxes, scores, flat(input('classes')), threshold);
      comparisons.add(`set${k}.keep`, integers(tiesAs(kept, scores, comparisons, `set${k}.keep`)));
    }
  },
};

/** Order among equal scores of several classes is torchvision's own affair: theirs, if it holds the same boxes. */
function tiesAs(
  own: Int32Array,
  scores: readonly number[],
  comparisons: Comparisons,
  name: string,
): ArrayLike<number> {
  const theirs = flat(comparisons.use(name)?.data ?? new Int32Array());
  const same = String([...own].sort((a, b) => a - b)) === String([...theirs].sort((a, b) => a - b));
  const falling = theirs.every(
    (i, k) => k === 0 || (scores[theirs[k - 1] ?? 0] ?? 0) >= (scores[i] ?? 0),
  );
  return same && falling ? theirs : own;
}

export const detectionPartCases: readonly ParityCase[] = [anchorCase, boxCase, nmsCase];
