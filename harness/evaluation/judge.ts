import type { Labelled } from '../data/label_counts.ts';
import type { Source } from '../data/source.ts';
import type { BoundMethod, Experiment, Metrics } from '../experiment/index.ts';
import type { Tensors } from '../step/learner.ts';

/** One way to judge the weights of a run. */
export interface Judge {
  atEpoch(epoch: number, weights: Tensors): Promise<Metrics>;
  atEnd(weights: Tensors): Promise<Metrics>;
  dispose(): void;
}

/** What judges the weights of a run on the way and at its end. */
export interface Evaluator {
  readonly manifests: Readonly<Record<string, string>>;
  /** What a user is to be told of the images that it judges by. */
  readonly warnings: readonly string[];
  /** The images, by use as in `manifests`. */
  readonly sources?: Readonly<Record<string, Source>>;
  atEpoch(epoch: number, weights: Tensors): Promise<Metrics>;
  atEnd(weights: Tensors): Promise<Metrics>;
  /** In the other processes of a run: their share of the passes over images that `atEpoch` makes in the first. */
  assist?(epoch: number): Promise<void>;
  /** As `assist`, of `atEnd`. */
  assistEnd?(): Promise<void>;
  dispose(): Promise<void>;
}

/** What an evaluation is opened from. */
export interface EvaluationSetup {
  readonly experiment: Experiment;
  readonly method: BoundMethod;
  /** Data folder. */
  readonly data: string;
  readonly workers?: number | undefined;
  readonly threads?: number | undefined;
  /** Ends the opening, and a judgement under way, which throw its reason then. */
  readonly signal?: AbortSignal | undefined;
}

/** What judges are opened from. */
export interface JudgeSetup extends EvaluationSetup {
  /** `data.train`: what a classifier of the run's own has learnt its classes from. */
  readonly trained: Labelled;
}
