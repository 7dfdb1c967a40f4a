import { beforeAll, expect, test } from 'vitest';
import { hostArray } from '../../harness/engine/array.ts';
import { startEngine } from '../../harness/engine/index.ts';
import { Program } from '../../harness/engine/program.ts';
import { type Tensor, tf } from '../../harness/engine/tf.ts';
import { normal } from '../../harness/testing/agree.ts';
import { anchorGrid } from './anchors.ts';
import type { Boxes } from './boxes.ts';
import { drawnWithin } from './draw_regions.ts';
import { methodSpec } from './method_spec.ts';
import { regionSizes } from './own_rows.ts';
import { regionDeltas } from './roi_head.ts';

beforeAll(startEngine);

const spec = methodSpec.parse({
  classes: 3,
  anchors: { sizes: [16, 32], ratios: [1] },
  proposals: { train: { before: 40, after: 10 } },
  roi: { count: 12 },
});

test('regions of a batch learn the moves that the host reckons, and there are no repeats', async () => {
  const anchors = anchorGrid(spec.anchors, 4, 4);
  const truths = Float32Array.of(0, 0, 30, 40, 8, 8, 40, 28, 4, 4, 60, 60, 0, 0, 0, 0);
  const given = {
    logits: normal('logits', 2, 4, 4, 2),
    deltas: normal('deltas', 2, 4, 4, 8),
    anchors: hostArray('float32', [anchors.length / 4, 4], anchors),
    sizes: hostArray('float32', [2, 2], Float32Array.of(64, 64, 60, 50)),
    truths: hostArray('float32', [2, 2, 4], truths),
    classes: hostArray('int32', [2, 2], Int32Array.of(1, 2, 0, 0)),
    counts: hostArray('int32', [2], Int32Array.of(2, 1)),
    keys: hostArray(
      'float32',
      [2, 12],
      Float32Array.from({ length: 24 }, (_, i) => i / 24),
    ),
  };
  const program = new Program();
  program.entry('draw', {
    sizes: regionSizes('own.', 2, spec.roi.count),
    inputs: given,
    build: ({ inputs }) => {
      const all = inputs as Record<keyof typeof given, Tensor>;
      const pictures = { prefix: 'own.', size: 64 };
      const { boxes, classes, deltas } = drawnWithin(spec, all, all, pictures);
      const rows = boxes.map((one) => tf.sum(tf.onesLike(tf.slice(one, [0, 0], [-1, 1]))));
      return { boxes: tf.concat([...boxes], 0), classes, deltas, rows: tf.stack(rows) };
    },
  });
  const data = Object.entries(given).map(([name, one]) => [name, one.data] as const);
  const found = await program.run('draw', Object.fromEntries(data));
  program.dispose();
  const classes = Array.from(found.classes?.data ?? [], Number);
  const rows = Array.from(found.rows?.data ?? [], Number);
  const boxes = Float32Array.from(found.boxes?.data ?? [], Number);
  const deltas = Float32Array.from(found.deltas?.data ?? [], Number);
  // No more than 12 rows of a pool, of which some are empty: they are not there.
  expect(Math.min(...rows)).toBeLessThan(12);
  expect([classes.length, boxes.length]).toEqual([sumOf(rows), 4 * sumOf(rows)]);
  expect(classes.some((label) => label < 3)).toBe(true);
  classes.forEach((label, i) => {
    const own = boxes.slice(4 * i, 4 * i + 4);
    const image = i < (rows[0] ?? 0) ? 0 : 1;
    // The class of a region says which ground truth it has.
    const truth: Boxes = truths.slice(
      image === 0 ? 4 * (label - 1) : 8,
      image === 0 ? 4 * label : 12,
    );
    const region = { boxes: own, classes: Int32Array.of(label), truths: truth };
    const expected = label === 3 ? [0, 0, 0, 0] : regionDeltas(region, 3, spec.roi);
    for (const [k, value] of [...expected].entries())
      expect(deltas[4 * i + k]).toBeCloseTo(value, 4);
  });
});

const sumOf = (numbers: readonly number[]) => numbers.reduce((sum, one) => sum + one, 0);
