/** What protocols that train have in common: their data, the numbers of a training, and the experiment of them. */
import { z } from 'zod';
import { sourceSpec, type Target, viewSpec } from '../harness/benchmark/kit.ts';
import type { ExperimentInput } from '../harness/experiment/index.ts';

/** Labelled images that a classifier learns from, and those that it is judged by. */
export const trainedData = z
  .strictObject({
    train: sourceSpec,
    test: sourceSpec,
    /** Side of the images, pixels. */
    size: z.int().positive(),
    /** What makes a view of a training image. */
    view: viewSpec,
    /** How a test image is brought to the size. */
    pipeline: viewSpec,
  })
  .readonly();
export type TrainedData = z.output<typeof trainedData>;

/** The numbers of a training by SGD with steps of the rate, as a protocol has them, but for the rate. */
export interface Numbers {
  /** The original's GPUs, and the images of each in a step. */
  readonly replicas: number;
  readonly batch: number;
  readonly epochs: number;
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly weightDecay: number;
  /** Epochs from which on the rate is multiplied by gamma. */
  readonly milestones: readonly number[];
  readonly gamma: number;
  /** Epochs between judgements; the untrained state and the last epoch are always judged. */
  readonly judgeEvery: number;
  /** Images that are judged at a time. */
  readonly judgeBatch: number;
  /** Epochs whose checkpoints stay: multiples of this. */
  readonly keepEvery: number;
  /** Steps between lines of the log. */
  readonly logEvery: number;
}

/** Of all replicas' images together. */
export const rate = z.number().positive();

const positive = z.int().positive();
const share = z.number().min(0).max(1);

/** Fields of a protocol's schema, with its own numbers as defaults. */
export function training(numbers: Numbers) {
  return {
    replicas: positive.default(numbers.replicas),
    batch: positive.default(numbers.batch),
    epochs: positive.default(numbers.epochs),
    momentum: share.default(numbers.momentum),
    nesterov: z.boolean().default(numbers.nesterov),
    weightDecay: z.number().nonnegative().default(numbers.weightDecay),
    milestones: z
      .array(positive)
      .default([...numbers.milestones])
      .readonly(),
    gamma: z.number().positive().default(numbers.gamma),
    judgeEvery: positive.default(numbers.judgeEvery),
    judgeBatch: positive.default(numbers.judgeBatch),
    keepEvery: z.int().nonnegative().default(numbers.keepEvery),
    logEvery: positive.default(numbers.logEvery),
    precision: z.enum(['fp32', 'bf16']).default('fp32'),
  };
}

interface Trained extends Numbers {
  readonly lr: number;
  readonly data: TrainedData;
  readonly precision: 'fp32' | 'bf16';
}

/**
 * The experiment of a protocol.
 * @param parts what is the protocol's own: its name, its method, its backbone, rules of the optimiser
 */
export function experimentOf(
  spec: Trained,
  { mean, std }: Target,
  parts: Pick<ExperimentInput, 'name' | 'method' | 'backbone'> & {
    readonly rules?: readonly { readonly match: string; readonly lrMultiplier: number }[];
  },
): ExperimentInput {
  const { data, replicas, batch, epochs, precision } = spec;
  const { lr, momentum, nesterov, weightDecay, milestones, gamma } = spec;
  const { rules = [], ...own } = parts;
  return {
    ...own,
    data: {
      train: data.train,
      pipelines: [data.view],
      size: data.size,
      mean: [...mean],
      std: [...std],
      dropLast: true,
    },
    replicas,
    batch,
    epochs,
    precision,
    optimizer: { kind: 'sgd', lr, momentum, nesterov, weightDecay, rules: [...rules] },
    schedule: { kind: 'step', milestones: [...milestones], gamma },
    checkpoint: { keepEvery: spec.keepEvery },
    log: { everySteps: spec.logEvery },
    evaluation: {
      test: data.test,
      pipeline: data.pipeline,
      batch: spec.judgeBatch,
      precision,
      classify: { everyEpochs: spec.judgeEvery },
    },
  };
}

/** The backbone of weights whose every layer stays as it is, with the statistics that it came with. */
export function frozenBackbone({ backbone }: Target): ExperimentInput['backbone'] {
  const { norm, stages = 4 } = backbone;
  return {
    ...backbone,
    frozenStages: stages,
    normEval: true,
    norm: norm === 'group' ? norm : 'batch',
  };
}

/** The backbone of weights that learns as a whole, with the statistics of all replicas' images. */
export function learningBackbone({ backbone }: Target): ExperimentInput['backbone'] {
  const { norm } = backbone;
  return { ...backbone, frozenStages: -1, normEval: false, norm: norm === 'group' ? norm : 'sync' };
}

/** The metrics of epochs after the first step: without those of the untrained state. */
export function trainedEpochs<M>(run: readonly M[] | undefined): readonly M[] {
  return run?.slice(1) ?? [];
}
