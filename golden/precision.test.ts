import { beforeAll, expect, it } from 'vitest';
import { auditGraph } from '../harness/engine/graph/audit.ts';
import { startEngine } from '../harness/engine/index.ts';
import { openTraining } from '../harness/run/open_training.ts';
import { Learner } from '../harness/step/learner.ts';
import { smallDefinition } from '../harness/testing/method_suite.ts';
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

it('float16 is refused on a CPU before data are opened', async () => {
  const experiment = tinyExperiment({ precision: 'fp16', name: 'half' });
  const opening = openTraining({ experiment, methods, data: '/nowhere' });
  await expect(opening).rejects.toThrow(
    /^experiment half: precision: fp16 is for a GPU, .*Use bf16: .*needs no loss scale/,
  );
});
