import { always, UserError } from '../base/index.ts';
import { openSource } from '../data/open_source.ts';
import { openEvaluator } from '../evaluation/evaluator.ts';
import {
  type BoundModel,
  bindMethod,
  type Experiment,
  type Methods,
  type Metrics,
} from '../experiment/index.ts';
import { initialValue } from '../nn/initialise.ts';
import type { ParameterSpec } from '../nn/module.ts';
import { resnet } from '../nn/resnet.ts';
import { stream } from '../random/stream.ts';
import { experimentIn } from '../step/described.ts';
import type { Tensors } from '../step/learner.ts';
import { openWeights } from '../weights/published.ts';

export interface TestOptions {
  /** A checkpoint. */
  readonly file: string;
  /** By `kind`. */
  readonly methods: Methods;
  /** The folder that paths of data sources start from. */
  readonly data: string;
  readonly workers?: number | undefined;
  /** Threads of the engine; 0 or none for all cores. Never changes a bit. */
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The classifier of a checkpoint on the test images of its own experiment
 * (docs/reference/benchmarks.md, section 9).
 * @returns top-1 and top-5 of each head, percent
 * @throws UserError where the file has no classifier, or one that was never trained.
 */
export async function testWeights(options: TestOptions): Promise<Metrics> {
  const { file, methods, data, workers, threads, signal } = options;
  const weights = await openWeights(file);
  const made = experimentIn(weights, methods);
  if (made === undefined)
    throw new UserError(
      `${file}: it does not say which experiment it is of, so nobody knows its classes and test images; ` +
        'test a checkpoint of ours, or judge the weights with scripts/benchmark.mjs',
    );
  const experiment = classifying(file, made);
  const method = bindMethod(experiment, methods);
  refuseUntrained(file, experiment, method.model(resnet(experiment.backbone)), weights.tensors);
  const trained = await openSource(experiment.data.train, { data, signal });
  const setup = { experiment, method, data, workers, threads, signal, trained };
  const evaluator = await openEvaluator(setup);
  return always(
    async () => (await evaluator?.atEpoch(experiment.epochs, weights.tensors)) ?? {},
    () => evaluator?.dispose(),
  );
}

/** The same experiment, judged by its classifier alone. */
function classifying(file: string, experiment: Experiment): Experiment {
  const { evaluation } = experiment;
  if (evaluation?.classify === undefined)
    throw new UserError(
      `${file}: ${experiment.name} judges no classifier (evaluation.classify); judge its features with scripts/benchmark.mjs`,
    );
  const { train: _, knn: __, linear: ___, ...rest } = evaluation;
  return { ...experiment, evaluation: rest };
}

/** @throws UserError where what tells the classes has no weights, or those that the seed gave it. */
export function refuseUntrained(
  file: string,
  { seed, name, method }: Pick<Experiment, 'seed' | 'name' | 'method'>,
  { networks, classifier, backbone }: BoundModel,
  tensors: Tensors,
): void {
  const heads = (classifier?.networks ?? []).flatMap((network) =>
    [...(networks[network]?.parameters ?? [])].flatMap(([own, spec]) =>
      spec.trainable && !`${network}.${own}`.startsWith(backbone)
        ? [[`${network}.${own}`, spec] as const]
        : [],
    ),
  );
  const [first] = heads;
  if (first === undefined) throw new UserError(`${file}: ${method.kind} has no classifier`);
  const missing = heads.find(([own]) => !tensors.has(own))?.[0];
  if (missing !== undefined)
    throw new UserError(
      `${file}: ${missing} is missing: there are no trained weights of its classifier; train it first, or take a whole ` +
        'checkpoint in place of a backbone',
    );
  if (heads.every(([own, spec]) => asDrawn(tensors, own, spec, seed)))
    throw new UserError(
      `${file}: ${first[0]} is as seed ${seed} drew it: the classifier of ${name} was never trained, and a test of it would ` +
        'say nothing; train it first',
    );
}

function asDrawn(tensors: Tensors, name: string, spec: ParameterSpec, seed: number): boolean {
  const found = tensors.get(name)?.data;
  const drawn = initialValue(spec, stream(seed, 'init', name)).data;
  return found?.length === drawn.length && drawn.every((value, i) => value === found[i]);
}
