import { join } from 'node:path';
import { benchmarks } from '../../benchmarks/index.ts';
import { always, canonicalJson, UserError, writeAtomic } from '../../harness/base/index.ts';
import { methodsOf } from '../../harness/benchmark/registry.ts';
import { firstTrained } from '../../harness/benchmark/trained.ts';
import { hostArray } from '../../harness/engine/array.ts';
import { openTraining, type Training } from '../../harness/run/open_training.ts';
import { readPretrained, setWeights } from '../../harness/step/initial_weights.ts';
import { writeSafetensors } from '../../harness/weights/safetensors.ts';
import { askedFor, weightsNamed } from '../command/benchmark.ts';

export interface ProbeTrace {
  /** Of the protocol: `linear` or `linear_last`. */
  readonly benchmark: string;
  /** A file of weights. */
  readonly weights: string;
  readonly data: string;
  readonly set: readonly string[];
  /** Where it goes. */
  readonly folder: string;
}

/**
 * Writes what PyTorch needs to run a linear protocol on the same frozen weights: `probe.json` (the experiment, the
 * rate of each step) and `probe.safetensors` (the state before the first step; `order`, int32 [steps, images]: the
 * images that each step takes).
 * @returns steps
 */
export async function traceProbe({
  benchmark,
  weights: name,
  data,
  set,
  folder,
}: ProbeTrace): Promise<number> {
  const weights = await weightsNamed(name, { epoch: undefined, prefix: undefined });
  if (weights === undefined) throw new UserError('random weights: name a file');
  const asked = askedFor(benchmark, weights, {
    ...{ data, set: [...set], preset: undefined, work_dir: undefined },
  });
  const experiment = firstTrained(asked.experiment, benchmarks);
  const methods = methodsOf(benchmarks);
  const training = await openTraining({ experiment, methods, data });
  return always(
    async () => {
      const { learner } = training;
      await learner.initialise(experiment.seed);
      const request = { file: weights.file, prefix: weights.prefix, methods };
      await setWeights(learner, (await readPretrained(request, learner.definition.model)).values);
      const order = orderOf(training);
      const tensors = new Map([...(await learner.save()), ['order', order] as const]);
      await writeSafetensors(join(folder, 'probe.safetensors'), { tensors, metadata: {} });
      const steps = order.shape[0] ?? 0;
      const lr = Array.from({ length: steps }, (_, step) => training.plan(step).rate);
      const head = { experiment, lr, stepsPerEpoch: training.stepsPerEpoch };
      await writeAtomic(join(folder, 'probe.json'), canonicalJson(head));
      return steps;
    },
    () => training.dispose(),
  );
}

/** int32 [steps, images]. */
function orderOf({ experiment, batches, stepsPerEpoch }: Training) {
  const { epochs, replicas, batch } = experiment;
  const [steps, images] = [epochs * stepsPerEpoch, replicas * batch];
  const order = new Int32Array(steps * images);
  let at = 0;
  for (let epoch = 0; epoch < epochs; epoch++)
    for (const { indices } of batches.bare(epoch)) {
      order.set(indices, at);
      at += images;
    }
  return hostArray('int32', [steps, images], order);
}
