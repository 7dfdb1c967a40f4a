import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { metricsOf } from '../harness/record/entries.ts';
import { train } from '../harness/run/trainer.ts';
import { inProcesses } from './processes.ts';
import { chainOf, common, detector } from './small_detector.ts';

const folder = mkdtempSync(join(tmpdir(), 'detector-masks-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

it('learns masks and is judged by them, with the same bits on two processes', async () => {
  const experiment = detector('benchmark.detector.mask.channels=8');
  const { record: masked } = await train({ ...common, experiment, workDir: at('masked') });
  const last = metricsOf(masked.epochs.at(-1)?.metrics ?? {});
  expect(last.mask_AP).toBeGreaterThanOrEqual(0);
  // A fresh predictor says nothing: log 2 of each pixel.
  expect(metricsOf(masked.epochs[1]?.metrics ?? {}).loss_mask).toBeCloseTo(Math.LN2, 1);
  expect(await inProcesses(2, { experiments: [experiment], folder: at('masked two') })).toEqual([
    chainOf(masked),
  ]);
}, 900_000);
