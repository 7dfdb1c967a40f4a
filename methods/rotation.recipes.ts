import type { ExperimentInput } from '../harness/experiment/spec.ts';
import {
  cifarBackbone,
  cifarComparison,
  cifarData,
  cifarEpochs,
  drawnData,
  drawnEvaluation,
  flip,
  imagenetTrain,
  smallBackbone,
  type TimedStep,
} from './settings.ts';

type Recipe = Omit<ExperimentInput, 'method'> & {
  readonly method: { readonly kind: 'rotation' };
};

/**
 * Gidaris et al. 2018, arXiv:1803.07728. Published with the original: VOC07 SVM 67.38 (feat4).
 * One GPU of the original is a replica here: 8 x 16 images, 512 rotated ones a step. Departs: the short
 * last batch of an epoch is dropped.
 */
export const r50: Recipe = {
  name: 'rotation_pred/r50',
  method: { kind: 'rotation' },
  backbone: { depth: 50, norm: 'sync' },
  data: {
    train: imagenetTrain,
    pipelines: [[{ kind: 'randomResizedCrop', scale: [0.08, 1] }, flip]],
    size: 224,
    dropLast: true,
  },
  replicas: 8,
  batch: 16,
  epochs: 70,
  optimizer: { kind: 'sgd', lr: 0.2, momentum: 0.9, weightDecay: 1e-4 },
  schedule: { kind: 'step', milestones: [30, 50], warmup: { epochs: 5, ratio: 0.1 } },
  checkpoint: { keepEvery: 10 },
};

/**
 * The original's with apex O1: layers in float16, a loss scale that moves, parameters, sums and the loss in
 * float32. Needs a GPU.
 */
export const r50Fp16: Recipe = { ...r50, name: 'rotation_pred/r50_fp16', precision: 'fp16' };

/** The same in bfloat16, which needs no loss scale, and runs on CPUs too. */
export const r50Bf16: Recipe = { ...r50, name: 'rotation_pred/r50_bf16', precision: 'bf16' };

/** Pictures with an up and a down: drawn in any direction, they would look alike in every rotation. */
const upright = { kind: 'generated', count: 2048, upright: 10 } as const;

/**
 * Rotation Prediction on images drawn from the seed, in about a minute. Expected: k-NN top-1 from 36 %
 * with random weights to about 51 %.
 *
 *     npx zx scripts/reproduce.mjs rotation
 */
export const small: Recipe = {
  name: 'rotation',
  method: { kind: 'rotation' },
  backbone: smallBackbone,
  data: {
    ...drawnData,
    train: upright,
    pipelines: [
      [
        { kind: 'randomResizedCrop', scale: [0.5, 1] },
        { kind: 'grayscale', p: 0.9 },
      ],
    ],
  },
  replicas: 1,
  batch: 32,
  epochs: 4,
  optimizer: { kind: 'sgd', lr: 0.05, momentum: 0.9, weightDecay: 5e-4 },
  schedule: { kind: 'cosine', warmup: { epochs: 1, ratio: 0.01 } },
  evaluation: {
    ...drawnEvaluation,
    train: { ...drawnEvaluation.train, upright: 10 },
    test: { ...drawnEvaluation.test, upright: 10 },
  },
};

/**
 * Rotation Prediction on CIFAR-10 with the paper's setting for it (section 3.1: batches of 128 images,
 * each in its four rotations, rate 0.1, weight decay 5e-4; crops behind a padding of 4 and flips), in
 * fewer epochs, on as many of the official files as there are.
 *
 *     npx zx scripts/reproduce.mjs rotation-cifar10 --data DIR
 */
export const cifar10: Recipe = {
  name: 'rotation-cifar10',
  method: { kind: 'rotation' },
  backbone: cifarBackbone,
  data: { ...cifarData, pipelines: [[{ kind: 'randomCrop', padding: 4 }, flip]] },
  replicas: 1,
  batch: 128,
  epochs: cifarEpochs,
  optimizer: { kind: 'sgd', lr: 0.1, momentum: 0.9, weightDecay: 5e-4 },
  schedule: { kind: 'cosine', warmup: { epochs: 1, ratio: 0.01 } },
  evaluation: cifarComparison,
};

export const speed: TimedStep = { kind: 'rotation', row: 4, reference: true };
