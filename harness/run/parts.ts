import { Loader } from '../data/loader.ts';
import { openEvaluator } from './evaluation/index.ts';
import { hashingProgress } from './hashing.ts';
import type { BoundMethod } from './method.ts';
import type { Batches, Evaluator } from './run.ts';
import type { Experiment } from './spec.ts';

/** What the trainer opens besides the engine. */
export interface PartsSetup {
  readonly experiment: Experiment;
  readonly method: BoundMethod;
  /** Data folder. */
  readonly data: string;
  readonly workers?: number | undefined;
  readonly threads?: number | undefined;
}

/** How a run gets its batches and its judge. */
export interface Parts {
  openBatches(setup: PartsSetup): Promise<Batches>;
  openEvaluator(setup: PartsSetup): Promise<Evaluator | undefined>;
}

export const parts: Parts = {
  openBatches: ({ experiment, method, data, workers }) => {
    const { seed, replicas, batch, data: spec, compat } = experiment;
    const { pipelines, size, dropLast, replacement } = spec;
    return Loader.open({
      ...{ spec: spec.train, data, seed, pipelines, size, replicas, batch, dropLast, replacement },
      ...{ draws: method.draws, labels: method.labels, chance: method.chance },
      ...(compat.dataOrder === 'original' ? { orderSeed: 0 } : {}),
      ...(workers === undefined ? {} : { workers }),
      onProgress: hashingProgress('data.train'),
    });
  },
  openEvaluator,
};
