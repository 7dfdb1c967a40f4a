import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { metricsOf } from '../harness/record/entries.ts';
import type { RunRecord } from '../harness/record/record.ts';
import { train } from '../harness/run/trainer.ts';
import { stoppingAt } from '../harness/testing/stopping.ts';
import { chainOf, common, detector } from './small_detector.ts';

let folder = '';
let record: RunRecord;
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'detector-'));
  const whole = await train({ ...common, experiment: detector(), workDir: at('whole') });
  record = whole.record;
}, 900_000);
afterAll(() => rmSync(folder, { recursive: true }));

it('has the losses of the original, whose sum is what it learns by, and is judged', () => {
  const [untrained, ...trained] = record.epochs.map(({ metrics }) => metricsOf(metrics));
  expect(Object.keys(untrained ?? {})).toEqual(['AP', 'AP50', 'AP75', 'APs', 'APm']);
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
  const found: unknown = JSON.parse(readFileSync(at('whole/detections.json'), 'utf8'));
  expect(found).toContainEqual({
    image_id: expect.any(Number),
    category_id: expect.any(Number),
    bbox: expect.any(Array),
    score: expect.any(Number),
  });
});

it('goes on in the middle of a period with the same bits', async () => {
  const options = { ...common, experiment: detector(), workDir: at('stopped'), resumeFrom: 'auto' };
  const stop = new AbortController();
  const stopped = await train({ ...options, signal: stop.signal }, stoppingAt(1, stop));
  expect(stopped.finished).toBe(false);
  expect(stopped.record.epochs.length).toBe(1);
  const { record: ended } = await train(options);
  expect(chainOf(ended)).toBe(chainOf(record));
}, 900_000);
