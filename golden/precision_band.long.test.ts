import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { parseExperiment } from '../harness/experiment/spec.ts';
import { readSteps } from '../harness/log/step_file.ts';
import { train } from '../harness/run/trainer.ts';
import { methods } from '../methods/index.ts';
import { small } from '../methods/moco.recipes.ts';

const folder = mkdtempSync(join(tmpdir(), 'precision-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Measured over four seeds: docs/determinism.md, "Narrow precisions". */
const BAND = { firstSteps: 0.005, firstEpochs: 0.02, epochs: 0.06 } as const;
const FIRST_STEPS = 16;
const FIRST_EPOCHS = 2;

/** Losses of a golden experiment, without what judges it: of each step, and means of epochs. */
async function curve(precision: 'fp32' | 'bf16') {
  const { evaluation: _, ...recipe } = small;
  const workDir = join(folder, precision);
  const experiment = parseExperiment({ ...recipe, precision }, methods);
  await train({ experiment, methods, data: '.', workDir, terminal: { write: () => true } });
  const steps = readSteps(workDir).map(({ metrics }) => metrics.loss ?? Number.NaN);
  const length = steps.length / experiment.epochs;
  const epochs = Array.from({ length: experiment.epochs }, (_, epoch) =>
    mean(steps.slice(epoch * length, (epoch + 1) * length)),
  );
  return { steps, epochs };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

it('the loss of moco in bfloat16 stays in a band around that in float32', async () => {
  const [wide, narrow] = [await curve('fp32'), await curve('bf16')];
  const gaps = (kind: 'steps' | 'epochs') =>
    wide[kind].map((loss, i) => Math.abs((narrow[kind][i] ?? Number.NaN) - loss) / loss);
  const [steps, epochs] = [gaps('steps'), gaps('epochs')];
  process.stderr.write(
    `bf16 against fp32: first steps ${Math.max(...steps.slice(0, FIRST_STEPS))}, epochs ${epochs.join(', ')}\n`,
  );
  expect(epochs.length).toBe(5);
  expect(Math.max(...steps.slice(0, FIRST_STEPS))).toBeLessThan(BAND.firstSteps);
  expect(Math.max(...epochs.slice(0, FIRST_EPOCHS))).toBeLessThan(BAND.firstEpochs);
  expect(Math.max(...epochs)).toBeLessThan(BAND.epochs);
  // The band holds curves that come down: a net that learns nothing would stay in it too.
  for (const { epochs: losses } of [wide, narrow])
    expect((losses[0] ?? 0) - (losses.at(-1) ?? 0)).toBeGreaterThan(0.5);
  expect(narrow.steps).not.toEqual(wide.steps);
});
