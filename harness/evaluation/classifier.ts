import { UserError } from '../base/errors.ts';
import type { Model } from '../experiment/method.ts';
import type { Metrics } from '../experiment/metrics.ts';
import type { ClassifySpec } from '../experiment/spec.ts';
import type { Tensors } from '../step/learner.ts';
import { FrozenNetworks, stageOf } from './backbone.ts';
import type { ImageSet } from './image_set.ts';
import type { EvaluationSetup, Judge } from './judge.ts';
import { topShare } from './rows.ts';

const TOP = 5;

/** The run's own classifier on the test images, with running statistics. */
export class ClassifierJudge implements Judge {
  private readonly spec: ClassifySpec;
  private readonly epochs: number;
  private readonly test: ImageSet;
  private readonly classes: number;
  private readonly networks: FrozenNetworks;

  /** @throws UserError where the method has no classifier, or it lacks a class of the test images. */
  constructor({ experiment, threads = 0 }: EvaluationSetup, model: Model, test: ImageSet) {
    const { evaluation, method, epochs } = experiment;
    const { classifier } = model;
    if (evaluation?.classify === undefined) throw new Error('evaluation: no classifier asked for');
    if (classifier === undefined)
      throw new UserError(
        `evaluation.classify: method.kind ${method.kind} has no classifier of the data's classes; ` +
          'leave it out, or judge the features by evaluation.knn',
      );
    const highest = test.labels.reduce((most, label) => Math.max(most, label), 0);
    if (highest >= classifier.classes)
      throw new UserError(
        `evaluation.test: label ${highest} is none of the ${classifier.classes} classes of the run`,
      );
    this.spec = evaluation.classify;
    this.epochs = epochs;
    this.test = test;
    this.classes = classifier.classes;
    const stages = [
      ...(model.input === undefined ? [] : [model.input.network]),
      ...classifier.networks,
    ];
    this.networks = new FrozenNetworks({
      experiment,
      evaluation,
      threads,
      width: classifier.classes,
      stages: stages.map((network) => stageOf(model, network)),
      channels: model.input?.channels ?? experiment.backbone.channels,
    });
  }

  async atEpoch(epoch: number, weights: Tensors): Promise<Metrics> {
    if (epoch % this.spec.everyEpochs !== 0 && epoch !== this.epochs) return {};
    await this.networks.load(weights);
    const logits = await this.networks.features(this.test);
    const share = (top: number) => topShare(logits, this.classes, this.test.labels, top);
    return { test_top1: share(1), test_top5: share(Math.min(TOP, this.classes)) };
  }

  async atEnd(): Promise<Metrics> {
    return {};
  }

  dispose(): void {
    this.networks.dispose();
  }
}
