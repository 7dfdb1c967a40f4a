import { UserError } from '../base/index.ts';
import { sameClasses } from '../data/classes.ts';
import type { ClassifySpec, Metrics, Model } from '../experiment/index.ts';
import type { Tensors } from '../step/learner.ts';
import { type FrozenModel, frozenClassifier, openFrozen, settingsOf } from './frozen_model.ts';
import type { ImageSet } from './image_set.ts';
import type { Judge, JudgeSetup } from './judge.ts';
import { topShare } from './rows.ts';

const TOP = 5;

/** The run's own classifier on the test images, with running statistics. */
export class ClassifierJudge implements Judge {
  private readonly spec: ClassifySpec;
  private readonly epochs: number;
  private readonly test: ImageSet;
  private readonly classifier: FrozenModel;
  private readonly signal: AbortSignal | undefined;

  private constructor(
    spec: ClassifySpec,
    epochs: number,
    test: ImageSet,
    classifier: FrozenModel,
    signal: AbortSignal | undefined,
  ) {
    this.signal = signal;
    this.spec = spec;
    this.epochs = epochs;
    this.test = test;
    this.classifier = classifier;
  }

  /** @throws UserError where the method has no classifier, or its classes are not the test images'. */
  static async open(
    { experiment, threads, trained, signal }: JudgeSetup,
    model: Model,
    test: ImageSet,
  ): Promise<ClassifierJudge> {
    const { evaluation, method, epochs, backbone } = experiment;
    if (evaluation?.classify === undefined) throw new Error('evaluation: no classifier asked for');
    const classifier = frozenClassifier(model, backbone.channels);
    if (classifier === undefined)
      throw new UserError(
        `evaluation.classify: method.kind ${method.kind} has no classifier of the data's classes; ` +
          'leave it out, or judge the features by evaluation.knn',
      );
    const classes = sameClasses({ path: 'data.train', source: trained }, test);
    if (classes.length !== classifier.width)
      throw new UserError(
        `evaluation.test: found ${classes.length} classes, expected the ${classifier.width} of the run's classifier`,
      );
    const frozen = await openFrozen(classifier, settingsOf(experiment), { threads });
    return new ClassifierJudge(evaluation.classify, epochs, test, frozen, signal);
  }

  async atEpoch(epoch: number, weights: Tensors): Promise<Metrics> {
    if (epoch % this.spec.everyEpochs !== 0 && epoch !== this.epochs) return {};
    await this.classifier.load(weights);
    const classes = this.classifier.width;
    const logits = await this.classifier.features(this.test, this.signal);
    const share = (top: number) => topShare(logits, classes, this.test.labels, top);
    return { test_top1: share(1), test_top5: share(Math.min(TOP, classes)) };
  }

  async atEnd(): Promise<Metrics> {
    return {};
  }

  dispose(): void {
    this.classifier.dispose();
  }
}
