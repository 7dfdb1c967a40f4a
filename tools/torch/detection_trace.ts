import { join } from 'node:path';
import { benchmarks } from '../../benchmarks/index.ts';
import { always, canonicalJson, UserError, writeAtomic } from '../../harness/base/index.ts';
import { methodsOf } from '../../harness/benchmark/registry.ts';
import { firstTrained } from '../../harness/benchmark/trained.ts';
import { hostArray } from '../../harness/engine/array.ts';
import { shapeAt } from '../../harness/engine/sizes/entry.ts';
import { NO_SUMS } from '../../harness/record/sums.ts';
import { openTraining, type Training } from '../../harness/run/open_training.ts';
import { readPretrained, setWeights } from '../../harness/step/initial_weights.ts';
import { Learner } from '../../harness/step/learner.ts';
import { runStep } from '../../harness/step/step.ts';
import { stepFeeds, stepInputs } from '../../harness/step/step_inputs.ts';
import { writeSafetensors } from '../../harness/weights/safetensors.ts';
import { askedFor, weightsNamed } from '../command/benchmark.ts';

export interface DetectionTrace {
  /** A file of weights, or `random`. */
  readonly weights: string;
  readonly data: string | undefined;
  readonly set: readonly string[];
  readonly steps: number;
  /** Where it goes. */
  readonly folder: string;
}

/**
 * Trains a detector of one replica for some steps and writes what PyTorch needs to take the same: `trace.json` (the
 * experiment, the rate and the losses of each step), `initial.safetensors` (the state before the first one, by
 * detectron2's names) and `step_000000.safetensors`, … (pictures, anchors, objects of each, and the regions that were
 * drawn).
 */
export async function traceDetection(
  { weights: name, data = '.', set, steps, folder }: DetectionTrace,
  tell: (message: string) => void,
): Promise<void> {
  const weights = await weightsNamed(name, { epoch: undefined, prefix: undefined });
  const asked = askedFor('detection', weights, {
    ...{ data: data === '.' ? undefined : data, set: [...set] },
    ...{ preset: undefined, work_dir: undefined },
  });
  const experiment = firstTrained(asked.experiment, benchmarks);
  if (experiment.replicas !== 1)
    throw new UserError(
      `benchmark.replicas: ${experiment.replicas}; PyTorch takes the steps of one: --set benchmark.replicas=1`,
    );
  const methods = methodsOf(benchmarks);
  const training = await openTraining({ experiment, methods, data });
  const learner = new Learner(training.learner.definition, { observe: true });
  await always(
    async () => {
      await learner.initialise(experiment.seed);
      if (weights !== undefined) {
        const request = { file: weights.file, prefix: weights.prefix, methods };
        const { values } = await readPretrained(request, learner.definition.model);
        await setWeights(learner, values);
      }
      const tensors = new Map(await learner.save());
      await writeSafetensors(join(folder, 'initial.safetensors'), { tensors, metadata: {} });
      const taken = await takeSteps(training, learner, steps, folder, tell);
      await writeAtomic(join(folder, 'trace.json'), canonicalJson({ experiment, ...taken }));
    },
    () => training.dispose(),
    () => learner.dispose(),
  );
}

async function takeSteps(
  training: Training,
  learner: Learner,
  steps: number,
  folder: string,
  tell: (message: string) => void,
) {
  const { stepsPerEpoch } = training;
  const { inputs } = stepInputs(learner.definition, true);
  const rates: number[] = [];
  const losses: Record<string, number>[] = [];
  for (let epoch = 0; losses.length < steps; epoch++) {
    const sums = NO_SUMS;
    const { batches } = await training.begin({ epoch, fromStep: 0, sums });
    for await (const batch of batches) {
      if (losses.length === steps) break;
      const step = epoch * stepsPerEpoch + (losses.length % stepsPerEpoch);
      const { rate = 0, scalars } = training.plan(step);
      const tensors = new Map(
        Object.entries(stepFeeds(batch, { rate, scalars })).flatMap(([name, values]) => {
          const spec = inputs[name];
          if (spec === undefined || !name.startsWith(OWN)) return [];
          const shape = shapeAt(spec, batch.sizes ?? {});
          return [[name.slice(OWN.length), hostArray(spec.dtype, shape, values)] as const];
        }),
      );
      const outputs = await runStep(learner.program, batch, { rate, scalars });
      for (const [name, value] of Object.entries(outputs))
        if (DRAWN.test(name)) tensors.set(name.replace(DRAWN, 'drawn'), value);
      const file = `step_${String(losses.length).padStart(6, '0')}.safetensors`;
      await writeSafetensors(join(folder, file), { tensors, metadata: {} });
      const own = Object.entries(outputs).filter(([name]) => /^loss(_\w+)?$/.test(name));
      rates.push(rate);
      losses.push(Object.fromEntries(own.map(([name, { data }]) => [name, Number(data[0])])));
      tell(`step ${losses.length} of ${steps}: loss ${losses.at(-1)?.loss}`);
    }
  }
  return { rates, losses };
}

const OWN = 'input0.';
const DRAWN = /^(rank0\.)?(out\.)?drawn/;
