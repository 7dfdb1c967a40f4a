import { UserError } from '../../errors.ts';
import { resnet } from '../../nn/resnet.ts';
import type { Sha256 } from '../hash.ts';
import type { Tensors } from '../learner.ts';
import type { Metrics } from '../log_format.ts';
import type { PartsSetup } from '../parts.ts';
import type { Evaluator } from '../run.ts';
import type { EvaluationSpec, Experiment } from '../spec.ts';
import { FrozenBackbone } from './backbone.ts';
import {
  checkClasses,
  defaultPipeline,
  type ImageSet,
  imageBytes,
  kept,
  openImageSet,
} from './image_set.ts';
import { knnTop1 } from './knn.ts';
import { linearProbe } from './linear.ts';
import type { LabelledFeatures } from './rows.ts';
import { spreadOf } from './spread.ts';

const KEPT_BYTES = 512 * 2 ** 20;

/**
 * Judges the frozen backbone of a run as its experiment asks for; undefined where it asks for nothing.
 * `atEpoch` gives `knn_top1` (percent) and, of the same features of `evaluation.train`, `feature_std` and
 * `effective_rank`: before the first epoch, at multiples of `evaluation.knn.everyEpochs` and after the
 * last one. `atEnd` gives `linear_top1` (percent). The engine must have been started.
 * @throws UserError by path in the experiment: no labels, other classes, more neighbours than images.
 */
export async function openEvaluator(setup: PartsSetup): Promise<Evaluator | undefined> {
  const { experiment, method, data, workers, threads = 0 } = setup;
  const { evaluation } = experiment;
  if (evaluation === undefined) return undefined;
  const { size } = experiment.data;
  const { batch, pipeline = defaultPipeline(size), knn } = evaluation;
  const open = (path: 'train' | 'test') =>
    openImageSet(
      {
        ...{ spec: evaluation[path], data, pipeline, size, batch },
        ...(workers === undefined ? {} : { workers }),
      },
      `evaluation.${path}`,
    );
  const [train, test] = [await open('train'), await open('test')];
  checkClasses(train, test);
  if (knn !== undefined && knn.k > train.count)
    throw new UserError(
      `evaluation.knn.k: ${knn.k} is more than the ${train.count} images of evaluation.train`,
    );
  const keep = imageBytes(experiment, [train.count, test.count]) <= KEPT_BYTES;
  const backbone = resnet(experiment.backbone);
  const model = method.model(backbone);
  return new FrozenEvaluator({
    ...{ experiment, evaluation },
    train: keep ? kept(train) : train,
    test: keep ? kept(test) : test,
    backbone: new FrozenBackbone({ experiment, evaluation, backbone, model, threads }),
    width: backbone.channels,
    threads,
  });
}

interface Parts {
  readonly experiment: Experiment;
  readonly evaluation: EvaluationSpec;
  readonly train: ImageSet;
  readonly test: ImageSet;
  readonly backbone: FrozenBackbone;
  readonly width: number;
  readonly threads: number;
}

interface Extracted {
  readonly of: Sha256;
  readonly train: LabelledFeatures;
  readonly test: LabelledFeatures;
}

class FrozenEvaluator implements Evaluator {
  private readonly parts: Parts;
  private extracted: Extracted | undefined;

  constructor(parts: Parts) {
    this.parts = parts;
  }

  get manifests(): Readonly<Record<string, string>> {
    const { train, test } = this.parts;
    return { 'evaluation.train': train.sha256, 'evaluation.test': test.sha256 };
  }

  async atEpoch(epoch: number, weights: Tensors): Promise<Metrics> {
    const { experiment, evaluation, threads } = this.parts;
    const { knn } = evaluation;
    if (knn === undefined) return {};
    if (epoch % knn.everyEpochs !== 0 && epoch !== experiment.epochs) return {};
    const { train, test } = await this.features(weights);
    const { k, temperature } = knn;
    const knn_top1 = await knnTop1(train, test, { k, temperature, threads });
    return { knn_top1, ...(await spreadOf(train, threads)) };
  }

  async atEnd(weights: Tensors): Promise<Metrics> {
    const { experiment, evaluation, threads } = this.parts;
    if (evaluation.linear === undefined) return {};
    const { train, test } = await this.features(weights);
    const run = { spec: evaluation.linear, seed: experiment.seed, threads };
    return { linear_top1: (await linearProbe(train, test, run)).top1 };
  }

  async dispose(): Promise<void> {
    this.parts.backbone.dispose();
    this.extracted = undefined;
  }

  /** Features of these weights; those of the last ones asked for are kept. */
  private async features(weights: Tensors): Promise<Extracted> {
    const { backbone, train, test, width } = this.parts;
    const of = await backbone.load(weights);
    if (this.extracted?.of === of) return this.extracted;
    this.extracted = undefined;
    const extract = async (set: ImageSet) => ({
      ...{ features: await backbone.features(set), width, labels: set.labels },
    });
    this.extracted = { of, train: await extract(train), test: await extract(test) };
    return this.extracted;
  }
}
