import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../harness/engine/index.ts';
import { bindMethod, checkShape } from '../harness/experiment/bind.ts';
import { parseExperiment } from '../harness/experiment/spec.ts';
import { runStep } from '../harness/step/step.ts';
import {
  batchOf,
  describeMethod,
  type SmallRun,
  scalarOf,
  withLearner,
} from '../harness/testing/method_suite.ts';
import { methods } from './index.ts';
import { small } from './supervised.recipes.ts';
import { supervised } from './supervised.ts';

const run: SmallRun = { method: supervised, spec: { kind: 'supervised', classes: 3 } };

describe('a step', () => {
  beforeAll(startEngine);

  it('has the mean cross entropy of the true labels', async () => {
    await withLearner(
      run,
      async (learner) => {
        const labels = Int32Array.of(2, 0, 0, 1);
        const batch = { ...batchOf(learner, 0), labels };
        const outputs = await runStep(learner.program, batch, { rate: 0.1 });
        const logits = [...(outputs['out.head']?.data ?? [])].map(Number);
        let total = 0;
        for (const [row, label] of labels.entries()) {
          const own = logits.slice(3 * row, 3 * row + 3);
          const all = own.reduce((sum, x) => sum + Math.exp(x), 0);
          total -= Math.log(Math.exp(own[label] ?? Number.NaN) / all);
        }
        expect(scalarOf(outputs, 'loss')).toBeCloseTo(total / 4, 5);
      },
      { observe: true },
    );
  });
});

describe('what it refuses', () => {
  const refuse = (classes: number | undefined) => () => {
    const experiment = parseExperiment(small, methods);
    checkShape(experiment, bindMethod(experiment, methods), { samples: 4096, classes });
  };

  it('data without labels, or of another number of classes', () => {
    expect(refuse(undefined)).toThrow(/data\.train: it has no labels/);
    expect(refuse(7)).toThrow('method.classes: found 10, expected the 7 classes of data.train');
    expect(refuse(10)).not.toThrow();
  });
});

describeMethod('supervised', run);
