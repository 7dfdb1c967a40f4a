import { UserError } from '../base/index.ts';
import { sameClasses } from '../data/classes.ts';
import type { ClassifySpec, Metrics, Model } from '../experiment/index.ts';
import type { Tensors } from '../step/learner.ts';
import { ClassifierModel } from './classifier.ts';
import { frozenClassifier, settingsOf } from './frozen_model.ts';
import type { ImageSet } from './image_set.ts';
import type { Judge, JudgeSetup } from './judge.ts';
import type { Passes } from './passes.ts';
import { topShare } from './rows.ts';

const TOP = 5;

/** The run's own classifier on the test images, with running statistics. */
export class ClassifierJudge implements Judge {
  private readonly spec: ClassifySpec;
  private readonly epochs: number;
  private readonly test: ImageSet;
  private readonly classifier: ClassifierModel;
  private readonly heads: number | undefined;
  private readonly signal: AbortSignal | undefined;

  private constructor(
    spec: ClassifySpec,
    epochs: number,
    test: ImageSet,
    classifier: ClassifierModel,
    heads: number | undefined,
    signal: AbortSignal | undefined,
  ) {
    this.heads = heads;
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
    passes: Passes,
  ): Promise<ClassifierJudge> {
    const { evaluation, method, epochs, backbone } = experiment;
    if (evaluation?.classify === undefined) throw new Error('evaluation: no classifier asked for');
    const networks = frozenClassifier(model, backbone.channels);
    if (networks === undefined || model.classifier === undefined)
      throw new UserError(
        `evaluation.classify: method.kind ${method.kind} has no classifier of the data's classes; ` +
          'leave it out, or judge the features by evaluation.knn',
      );
    const classes = sameClasses({ path: 'data.train', source: trained }, test);
    const { classes: own, heads } = model.classifier;
    if (classes.length !== own)
      throw new UserError(
        `evaluation.test: found ${classes.length} classes, expected the ${own} of the run's classifier`,
      );
    const opened = await ClassifierModel.open(networks, settingsOf(experiment), {
      test,
      passes,
      threads,
    });
    return new ClassifierJudge(evaluation.classify, epochs, test, opened, heads, signal);
  }

  async atEpoch(epoch: number, weights: Tensors): Promise<Metrics> {
    if (epoch % this.spec.everyEpochs !== 0 && epoch !== this.epochs) return {};
    await this.classifier.load(weights);
    return this.tops(await this.classifier.logits(this.signal));
  }

  /** @param logits float32 [N, heads classes] */
  private tops(logits: Float32Array): Metrics {
    const { labels } = this.test;
    const { width } = this.classifier;
    const { heads = 1 } = this;
    const classes = width / heads;
    const found = Array.from({ length: heads }, (_, head) => {
      const own = columns(logits, width, head * classes, classes);
      const name = this.heads === undefined ? 'test' : `head${head}`;
      const share = (top: number) => topShare(own, classes, labels, Math.min(top, classes));
      return { [`${name}_top1`]: share(1), [`${name}_top5`]: share(TOP) };
    });
    return Object.assign({}, ...found);
  }

  async atEnd(): Promise<Metrics> {
    return {};
  }

  dispose(): void {
    this.classifier.dispose();
  }
}

/** Columns `from` to `from + count - 1` of rows of `width` values. */
function columns(rows: Float32Array, width: number, from: number, count: number): Float32Array {
  if (count === width) return rows;
  const found = new Float32Array((rows.length / width) * count);
  for (let row = 0, at = from; at < rows.length; row++, at += width)
    found.set(rows.subarray(at, at + count), row * count);
  return found;
}
