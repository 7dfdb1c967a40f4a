import type { Labelled } from '../data/label_counts.ts';
import type { Source } from '../data/source.ts';
import type { BoundMethod, Experiment, Metrics } from '../experiment/index.ts';
import type { Tensors } from '../step/learner.ts';
import type { PassGroup } from './passes.ts';

/** One way to judge the weights of a run. */
export interface Judge {
  atEpoch(epoch: number, weights: Tensors): Promise<Metrics>;
  atEnd(weights: Tensors): Promise<Metrics>;
  dispose(): void;
}

/** What judges the weights of a run on the way and at its end; with a group, on rank 0. */
export interface Evaluator {
  readonly manifests: Readonly<Record<string, string>>;
  /** What a user is to be told of the images that it judges by. */
  readonly warnings: readonly string[];
  /** The images, by use as in `manifests`. */
  readonly sources?: Readonly<Record<string, Source>>;
  atEpoch(epoch: number, weights: Tensors): Promise<Metrics>;
  atEnd(weights: Tensors): Promise<Metrics>;
  /**
   * With a group, on the others, once for each `atEpoch` and each `atEnd` of rank 0: does this process's share of what
   * has to be computed for it, which may be nothing.
   * @param weights the same as on rank 0
   * @returns whether rank 0 came to the end; it did not where it was told to stop or failed
   * @throws Error where the weights are others.
   */
  assist(weights: Tensors): Promise<boolean>;
  dispose(): Promise<void>;
}

/** What an evaluation is opened from. */
export interface EvaluationSetup {
  readonly experiment: Experiment;
  readonly method: BoundMethod;
  /** Data folder. */
  readonly data: string;
  readonly workers?: number | undefined;
  readonly processesHere?: number | undefined;
  readonly threads?: number | undefined;
  /** Ends the opening, and a judgement under way, which throw its reason then. */
  readonly signal?: AbortSignal | undefined;
  /** Processes that take turns at images; all of them open the same. */
  readonly group?: PassGroup | undefined;
}

/** What judges are opened from. */
export interface JudgeSetup extends EvaluationSetup {
  /** `data.train`: what a classifier of the run's own has learnt its classes from. */
  readonly trained: Labelled;
  /** Where a judge may keep what it found; nowhere unless given. */
  readonly folder?: string | undefined;
}
