import type { BoundMethod } from './method.ts';
import type { Batches, Evaluator } from './run.ts';
import type { Experiment } from './spec.ts';

/** What the trainer opens besides the engine. */
export interface PartsSetup {
  readonly experiment: Experiment;
  readonly method: BoundMethod;
  readonly data: string;
  readonly workers?: number | undefined;
}

/** How a run gets its batches and its judge. */
export interface Parts {
  openBatches(setup: PartsSetup): Promise<Batches>;
  openEvaluator(setup: PartsSetup): Promise<Evaluator | undefined>;
}
