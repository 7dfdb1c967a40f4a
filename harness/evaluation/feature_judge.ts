import type { Sha256 } from '../base/index.ts';
import type { EvaluationSpec, Experiment, Metrics } from '../experiment/index.ts';
import type { Tensors } from '../step/learner.ts';
import type { FrozenModel } from './frozen_model.ts';
import type { ImageSet } from './image_set.ts';
import type { Judge } from './judge.ts';
import { knnTop1 } from './knn.ts';
import { linearProbe } from './linear.ts';
import type { Passes } from './passes.ts';
import type { LabelledFeatures } from './rows.ts';
import { spreadOf } from './spread.ts';

interface FeatureSetup {
  readonly experiment: Experiment;
  readonly evaluation: EvaluationSpec;
  readonly train: ImageSet;
  readonly test: ImageSet;
  readonly backbone: FrozenModel;
  readonly threads: number;
  readonly signal?: AbortSignal | undefined;
  readonly passes: Passes;
}

interface Extracted {
  readonly of: Sha256;
  readonly train: LabelledFeatures;
  readonly test: LabelledFeatures;
}

/** k-NN and a linear layer on the features of the backbone. */
export class FeatureJudge implements Judge {
  private readonly setup: FeatureSetup;
  private readonly extract: (set: 'train' | 'test') => Promise<LabelledFeatures>;
  private extracted: Extracted | undefined;

  constructor(setup: FeatureSetup) {
    const { backbone, train, test, passes, signal } = setup;
    this.setup = setup;
    const sets = { train, test };
    const made = { train: passes.of(backbone, train), test: passes.of(backbone, test) };
    this.extract = async (set) => ({
      features: await made[set](signal),
      width: backbone.width,
      labels: sets[set].labels,
    });
  }

  async atEpoch(epoch: number, weights: Tensors): Promise<Metrics> {
    const { experiment, evaluation, threads, signal } = this.setup;
    const { knn } = evaluation;
    if (knn === undefined) return {};
    if (epoch % knn.everyEpochs !== 0 && epoch !== experiment.epochs) return {};
    const { train, test } = await this.features(weights);
    const { k, temperature } = knn;
    const knn_top1 = await knnTop1(train, test, { k, temperature, threads, signal });
    return { knn_top1, ...(await spreadOf(train, { threads, signal })) };
  }

  async atEnd(weights: Tensors): Promise<Metrics> {
    const { experiment, evaluation, threads, signal } = this.setup;
    if (evaluation.linear === undefined) return {};
    const { train, test } = await this.features(weights);
    const run = { spec: evaluation.linear, seed: experiment.seed, threads, signal };
    return { linear_top1: (await linearProbe(train, test, run)).top1 };
  }

  dispose(): void {
    this.setup.backbone.dispose();
    this.extracted = undefined;
  }

  /** Features of these weights; those of the last ones asked for are kept. */
  private async features(weights: Tensors): Promise<Extracted> {
    const of = await this.setup.backbone.load(weights);
    if (this.extracted?.of === of) return this.extracted;
    this.extracted = undefined;
    this.extracted = { of, train: await this.extract('train'), test: await this.extract('test') };
    return this.extracted;
  }
}
