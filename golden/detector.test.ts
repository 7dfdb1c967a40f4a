import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { benchmarks } from '../benchmarks/index.ts';
import { firstTrained } from '../harness/benchmark/trained.ts';
import { metricsOf } from '../harness/record/entries.ts';
import { type RunRecord, readRecord } from '../harness/record/record.ts';
import { holdToGolden } from './drawn_benchmark.ts';
import { single } from './small_detector.ts';

const experiment = firstTrained(single, benchmarks);
const cell = experiment.name.replace(`${single.name}/`, '');

const folder = mkdtempSync(join(tmpdir(), 'detector-'));
let record: RunRecord;
const at = (name: string) => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

// Where it is stopped: detector.slow.test.ts. Two replicas, their norms and layouts, and masks: detector.long.test.ts and
// detector_masks.long.test.ts.
it('ends as its golden says', async () => {
  await holdToGolden(single, at('whole'));
  record = readRecord(at(join('whole', cell)));
}, 900_000);

it('has the losses of the original, whose sum is what it learns by, and is judged', () => {
  const [untrained, ...trained] = record.epochs.map(({ metrics }) => metricsOf(metrics));
  expect(Object.keys(untrained ?? {}).sort()).toEqual(['AP', 'AP50', 'AP75', 'APm', 'APs']);
  for (const { loss = 0, ...rest } of trained) {
    const { loss_rpn_cls = 0, loss_rpn_loc = 0, loss_cls = 0, loss_box_reg = 0, AP } = rest;
    expect(loss_rpn_cls + loss_rpn_loc + loss_cls + loss_box_reg).toBeCloseTo(loss, 5);
    expect(loss_cls).toBeGreaterThan(0);
    expect(AP).toBeGreaterThanOrEqual(0);
  }
  // Fresh predictors say nothing: log 2 of each anchor, log 4 of each region of three classes and background.
  expect(trained[0]?.loss_rpn_cls).toBeCloseTo(Math.LN2, 1);
  expect(trained[0]?.loss_cls).toBeCloseTo(Math.log(4), 1);
});

it('keeps what it found as COCO has its results', () => {
  const found: unknown = JSON.parse(
    readFileSync(at(join('whole', cell, 'detections.json')), 'utf8'),
  );
  expect(found).toContainEqual({
    image_id: expect.any(Number),
    category_id: expect.any(Number),
    bbox: expect.any(Array),
    score: expect.any(Number),
  });
});
