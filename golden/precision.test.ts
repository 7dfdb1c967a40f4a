import { beforeAll, expect, it } from 'vitest';
import { auditGraph } from '../harness/engine/graph/audit.ts';
import { startEngine } from '../harness/engine/index.ts';
import { LossScaleSpec } from '../harness/optim/loss_scale_spec.ts';
import { openTraining } from '../harness/run/open_training.ts';
import { Learner } from '../harness/step/learner.ts';
import { takeStep } from '../harness/step/take_step.ts';
import { batchOf, smallDefinition } from '../harness/testing/method_suite.ts';
import { stateHost } from '../harness/testing/state_host.ts';
import { methods } from '../methods/index.ts';
import { checkNarrow } from './narrow_checks.ts';
import { compiledStep, STEPS } from './narrow_steps.ts';
import { tinyExperiment } from './tiny.ts';

beforeAll(startEngine);

const { moco, 'supervised with sync norms': supervised } = STEPS;
if (moco === undefined || supervised === undefined) throw new Error('no such steps');

// golden/precision.long.test.ts does the same for other methods and four replicas.
it('convolutions of a compiled step run in bfloat16, and no reduction does', async () => {
  const replicas = 2;
  const step = await compiledStep({ ...supervised, replicas, precision: 'bf16' });
  checkNarrow(step, replicas, 'bfloat16');
  const wide = await compiledStep({ ...supervised, replicas });
  expect(() => checkNarrow(wide, replicas, 'bfloat16')).toThrow(/Conv2D/);
});

it('a step in float16 with a loss scale has only ops that repeat on a GPU', () => {
  const run = { ...moco, replicas: 2, precision: 'fp16' } as const;
  const learner = new Learner({ ...smallDefinition(run), lossScale: 512 });
  try {
    const { nodes } = learner.program.graph;
    expect(nodes.filter(({ type }) => type === 'IsFinite').length).toBeGreaterThan(20);
    auditGraph(nodes, 'gpu');
  } finally {
    learner.dispose();
  }
});

// With its own kernels TensorFlow computes in float16 on a CPU too, only slowly: here gradients overflow by themselves.
it('a loss scale too large for float16 comes down to one that is not', async () => {
  const lossScale = LossScaleSpec.parse({ kind: 'dynamic', initial: 2 ** 24, interval: 4 });
  const run = { ...moco, replicas: 2, precision: 'fp16' } as const;
  const learner = new Learner({ ...smallDefinition(run), lossScale });
  try {
    await learner.initialise(0);
    const weight = async () => (await learner.save()).get('encoder_q.0.conv1.weight')?.data;
    const statistic = async () => (await learner.save()).get('encoder_q.0.bn1.running_mean')?.data;
    const [begun, mean] = [await weight(), await statistic()];
    const host = stateHost(learner);
    const scales: number[] = [];
    const skipped: number[] = [];
    for (let step = 0; step < 16; step++) {
      const plan = { step, rate: 0.1, moves: true, scalars: {} };
      const place = { epoch: 0, epochStep: step };
      const metrics = await takeStep(learner, host, batchOf(learner, step), plan, place);
      expect(metrics).not.toHaveProperty(['loss_scale.lost']);
      scales.push(metrics.loss_scale ?? Number.NaN);
      skipped.push(metrics.skipped_updates ?? Number.NaN);
      expect(metrics.loss).toBeGreaterThan(0);
      if (skipped.includes(0)) continue;
      expect(await weight()).toEqual(begun);
      expect(await statistic()).not.toEqual(mean);
    }
    const first = skipped.indexOf(0);
    expect(first).toBeGreaterThan(1);
    expect(scales.slice(0, first + 1)).toEqual(
      scales.slice(0, first + 1).map((_, i) => 2 ** (24 - i)),
    );
    expect(scales.slice(first, first + 4)).toEqual(Array.from({ length: 4 }, () => scales[first]));
    expect(await weight()).not.toEqual(begun);
    expect(Array.from((await weight()) ?? [], Number).every(Number.isFinite)).toBe(true);
  } finally {
    learner.dispose();
  }
});

it('float16 is refused on a CPU before data are opened', async () => {
  const experiment = tinyExperiment({ precision: 'fp16', name: 'half' });
  const opening = openTraining({ experiment, methods, data: '/nowhere' });
  await expect(opening).rejects.toThrow(
    /^experiment half: precision: fp16 is for a GPU, .*Use bf16: .*needs no loss scale/,
  );
});
