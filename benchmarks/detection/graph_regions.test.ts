import { beforeAll, describe, expect, it } from 'vitest';
import { hostArray } from '../../harness/engine/array.ts';
import { startEngine } from '../../harness/engine/index.ts';
import type { Tensor } from '../../harness/engine/tf.ts';
import { stream } from '../../harness/random/stream.ts';
import { evaluate, floats, type Tensors } from '../../harness/testing/evaluate.ts';
import { anchorGrid } from './anchors.ts';
import { type Boxes, boxesAt, joinedBoxes } from './boxes.ts';
import { graphProposals, graphRegions } from './graph_regions.ts';
import { highest } from './order.ts';
import { proposals } from './proposals.ts';
import { matchRegions, type RoiSpec } from './roi_head.ts';

beforeAll(startEngine);

const given = (all: Tensors, name: string) => all[name] as Tensor;
const int = (...values: number[]) =>
  hostArray('int32', values.length === 1 ? [] : [values.length], Int32Array.from(values));

/** Logits with ties, deltas of all sizes, some not finite. */
function drawn(seed: number, count: number) {
  const draws = stream(seed, 'rpn');
  const logits = Float32Array.from({ length: count }, () => draws.int(-40, 40) / 8);
  const deltas = Float32Array.from({ length: 4 * count }, () => draws.normal() * 0.4);
  deltas[4 * draws.int(0, count - 1)] = Number.NaN;
  deltas[4 * draws.int(0, count - 1) + 2] = -200; // an empty box
  return { logits, deltas };
}

describe('proposals within a step', () => {
  const anchors = anchorGrid(
    { sizes: [16, 48], ratios: [0.5, 1, 2], stride: 16, offset: 0 },
    9,
    11,
  );

  it.each([
    [1, 200, 300],
    [2, 200, 20],
    [3, 5000, 40],
    [4, 7, 9],
  ])('are those of the host: draw %i, %i before and %i after', async (seed, before, after) => {
    const spec = { before, after, threshold: 0.7, minSize: 0 };
    const count = anchors.length / 4;
    const { logits, deltas } = drawn(seed, count);
    const found = await evaluate(
      {
        logits: floats([count], logits),
        deltas: floats([count, 4], deltas),
        anchors: floats([count, 4], anchors),
        size: floats([2], [130, 170]),
      },
      (all) => {
        const [a, b, c, d] = ['logits', 'deltas', 'anchors', 'size'].map((key) => given(all, key));
        return { ...graphProposals(a as Tensor, b as Tensor, c as Tensor, d as Tensor, spec) };
      },
    );
    const want = proposals(logits, deltas, anchors, [130, 170], spec);
    expect(found.count?.data[0]).toBe(want.logits.length);
    const boxes = Array.from(found.boxes?.data ?? [], Number);
    // The exponential of one is a float's, of the other a double's rounded.
    for (const [k, value] of want.boxes.entries())
      expect(Math.abs((boxes[k] ?? Number.NaN) - value)).toBeLessThan(1e-4);
    expect(boxes.slice(want.boxes.length).every((value) => value === 0)).toBe(true);
  });
});

describe('regions within a step', () => {
  const background = 20;
  const spec: RoiSpec = {
    count: 12,
    positiveFraction: 0.25,
    threshold: 0.5,
    coderWeights: [10, 10, 5, 5],
  };

  /** The definition, by plain loops. */
  function slow(
    proposed: Boxes,
    truths: Boxes,
    classes: readonly number[],
    keys: readonly number[],
  ) {
    const pool = joinedBoxes([proposed, truths]);
    const { truth, label } = matchRegions(truths, pool, spec);
    const best = (wanted: number, most: number) => {
      const places = [...label.keys()].filter((i) => label[i] === wanted);
      return [
        ...highest(
          places.map((i) => keys[i] ?? 0),
          most,
        ),
      ].map((k) => places[k] ?? 0);
    };
    const positive = best(1, 3);
    const index = [...positive, ...best(0, spec.count - positive.length)];
    const classOf = (i: number) => (label[i] === 1 ? classes[truth[i] ?? 0] : background);
    return { index, classes: index.map(classOf), boxes: boxesAt(pool, index) };
  }

  it.each([
    [1, 30, 3],
    [2, 30, 1],
    [3, 30, 0],
    [4, 5, 2],
    [5, 1, 2],
  ])(
    'are those of the definition: draw %i, %i proposals, %i objects',
    async (seed, count, objects) => {
      const draws = stream(seed, 'regions');
      const box = () => {
        const [x, y] = [draws.int(0, 30), draws.int(0, 30)];
        return [x, y, x + draws.int(5, 30), y + draws.int(5, 30)];
      };
      const [most, room] = [4, 40];
      const list = (n: number) => Float32Array.from(Array.from({ length: n }, box).flat());
      const [proposed, truths] = [list(count), list(objects)];
      const classes = Array.from({ length: objects }, () => draws.int(0, background - 1));
      const keys = Array.from({ length: room + most }, () => Math.fround(draws.uniform()));
      const padded = (boxes: Boxes, rows: number) => {
        const out = new Float32Array(4 * rows);
        out.set(boxes);
        return floats([rows, 4], out);
      };
      const found = await evaluate(
        {
          proposed: padded(proposed, room),
          count: int(count),
          truths: padded(truths, most),
          classes: int(...Array.from({ length: most }, (_, i) => classes[i] ?? 0)),
          objects: int(objects),
          keys: floats([room + most], keys),
        },
        (all) => ({
          ...graphRegions(
            { boxes: given(all, 'proposed'), count: given(all, 'count') },
            {
              boxes: given(all, 'truths'),
              classes: given(all, 'classes'),
              count: given(all, 'objects'),
            },
            given(all, 'keys'),
            background,
            spec,
          ),
        }),
      );
      // In the pool of the graph the ground truths lie behind the room for proposals.
      const own = [...keys.slice(0, count), ...keys.slice(room)];
      const want = slow(proposed, truths, classes, own);
      const rows = Number(found.count?.data[0]);
      expect(rows).toBe(want.index.length);
      const take = (name: string, width: number) =>
        Array.from(found[name]?.data ?? [], Number).slice(0, rows * width);
      expect(take('index', 1)).toEqual(want.index.map((i) => (i < count ? i : i - count + room)));
      expect(take('classes', 1)).toEqual(want.classes);
      expect(take('boxes', 4)).toEqual([...want.boxes]);
    },
  );
});
