import type { mocoSpec } from './moco.ts';
import {
  cifarBackbone,
  cifarComparison,
  cifarData,
  cifarEpochs,
  cifarEvaluation,
  cifarView,
  crop,
  drawnData,
  drawnEvaluation,
  drawnView,
  flip,
  grayscale,
  imagenetTrain,
  jitter,
  type RecipeOf,
  smallBackbone,
  type TimedStep,
} from './settings.ts';

type Recipe = RecipeOf<'moco', typeof mocoSpec>;

/** One view of MoCo v1: docs/reference/methods.md, section 2.1. */
const v1View = [
  crop,
  grayscale,
  { kind: 'colorJitter', brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.4 },
  flip,
] as const;

/** One view of MoCo v2, Chen et al. 2020, arXiv:2003.04297. */
const v2View = [crop, jitter, grayscale, { kind: 'blur', sigma: [0.1, 2], p: 0.5 }, flip] as const;

/** One GPU of the original is a replica of 32 images here: 256 a step. */
const original = {
  backbone: { depth: 50 },
  data: {
    train: imagenetTrain,
    pipelines: [v1View, v1View],
    size: 224,
    dropLast: true,
  },
  replicas: 8,
  batch: 32,
  epochs: 200,
  optimizer: { kind: 'sgd', lr: 0.03, momentum: 0.9, weightDecay: 1e-4 },
  schedule: { kind: 'step', milestones: [120, 160] },
  checkpoint: { keepEvery: 10 },
} as const satisfies Partial<Recipe>;

const originalV2 = {
  ...original,
  data: { ...original.data, pipelines: [v2View, v2View] },
  schedule: { kind: 'cosine', per: 'epoch' },
} as const satisfies Partial<Recipe>;

/**
 * MoCo v2 on images drawn from the seed: the whole way through in a minute, without any file.
 * Expected: k-NN top-1 from 23 % with random weights to 50 %. It has not converged: with `epochs=15`,
 * `optimizer.lr=0.03` and `schedule.warmup.epochs=2` it goes on to 68 %.
 *
 *     npx zx scripts/reproduce.mjs moco
 */
export const small: Recipe = {
  name: 'moco',
  method: {
    kind: 'moco',
    neck: { kind: 'mlp', hidden: 256, out: 64 },
    queue: 512,
    momentum: 0.99,
    temperature: 0.2,
  },
  backbone: smallBackbone,
  data: { ...drawnData, pipelines: [drawnView, drawnView] },
  replicas: 2,
  batch: 32,
  epochs: 5,
  optimizer: { kind: 'sgd', lr: 0.06, momentum: 0.9, weightDecay: 1e-4 },
  schedule: { kind: 'cosine', per: 'epoch', from: 'start', warmup: { epochs: 1, ratio: 0.01 } },
  evaluation: drawnEvaluation,
};

/**
 * MoCo v2 on CIFAR-10, near the authors' CIFAR demo (batch norm over parts of the batch, no blur), on as
 * many of the official files as there are. The warm-up keeps rounding from growing in the first steps.
 *
 *     npx zx scripts/reproduce.mjs moco-cifar10 --data DIR
 */
export const cifar10: Recipe = {
  name: 'moco-cifar10',
  method: {
    kind: 'moco',
    neck: { kind: 'linear', out: 128 },
    queue: 4096,
    momentum: 0.99,
    temperature: 0.1,
  },
  backbone: { ...cifarBackbone, width: 0.5 },
  data: { ...cifarData, pipelines: [cifarView, cifarView] },
  replicas: 4,
  batch: 64,
  epochs: 15,
  optimizer: { kind: 'sgd', lr: 0.03, momentum: 0.9, weightDecay: 5e-4 },
  schedule: { kind: 'cosine', per: 'epoch', from: 'start', warmup: { epochs: 4, ratio: 0.001 } },
  precision: 'bf16',
  evaluation: cifarEvaluation,
};

/** The same with the backbone and the budget of the other methods on CIFAR-10, to be compared with them. */
export const cifar10Small: Recipe = {
  ...cifar10,
  name: 'moco-cifar10-small',
  backbone: cifarBackbone,
  evaluation: cifarComparison,
  replicas: 2,
  epochs: cifarEpochs,
  precision: 'fp32',
  schedule: { kind: 'cosine', per: 'epoch', from: 'start', warmup: { epochs: 1, ratio: 0.01 } },
};

const photosView = [crop, jitter, grayscale, flip] as const;
const photos = { kind: 'folder', root: 'photos/train' } as const;

/**
 * MoCo v2 on a thousand photographs, for a narrow ResNet-50 that a detector can begin with: minutes on two cores.
 *
 *     npx zx scripts/reproduce.mjs moco-photos --data DIR
 */
export const photographs: Recipe = {
  name: 'moco-photos',
  method: {
    kind: 'moco',
    neck: { kind: 'mlp', hidden: 512, out: 128 },
    queue: 1024,
    momentum: 0.99,
    temperature: 0.2,
  },
  backbone: { depth: 50, width: 0.25 },
  data: { train: photos, pipelines: [photosView, photosView], size: 112, dropLast: true },
  replicas: 2,
  batch: 32,
  epochs: 60,
  optimizer: { kind: 'sgd', lr: 0.06, momentum: 0.9, weightDecay: 1e-4 },
  schedule: { kind: 'cosine', per: 'epoch', from: 'start', warmup: { epochs: 2, ratio: 0.01 } },
  evaluation: {
    train: photos,
    test: { kind: 'folder', root: 'photos/val' },
    knn: { k: 20, temperature: 0.1, everyEpochs: 10 },
  },
};

/** He et al. 2020, arXiv:1911.05722. Published with the original: VOC07 SVM 79.18, ImageNet linear 60.6. */
export const r50V1: Recipe = {
  ...original,
  name: 'moco/r50_v1',
  method: {
    kind: 'moco',
    neck: { kind: 'linear', out: 128 },
    queue: 65536,
    momentum: 0.999,
    temperature: 0.07,
  },
};

/**
 * The original's with apex O1: layers in float16, a loss scale that moves, parameters, sums and the loss in
 * float32. Needs a GPU.
 */
export const r50V1Fp16: Recipe = { ...r50V1, name: 'moco/r50_v1_fp16', precision: 'fp16' };

/** The same in bfloat16, which needs no loss scale, and runs on CPUs too. */
export const r50V1Bf16: Recipe = { ...r50V1, name: 'moco/r50_v1_bf16', precision: 'bf16' };

export const r50V2: Recipe = {
  ...originalV2,
  name: 'moco/r50_v2',
  method: {
    kind: 'moco',
    neck: { kind: 'mlp', hidden: 2048, out: 128 },
    queue: 65536,
    momentum: 0.999,
    temperature: 0.2,
  },
};

/** MoCo v2 behind the neck of SimCLR. */
export const r50V2SimclrNeck: Recipe = {
  ...r50V2,
  name: 'moco/r50_v2_simclr_neck',
  method: { ...r50V2.method, neck: { kind: 'layers', hidden: [2048], out: 128 } },
};

/** MoCo v2. */
export const speed: TimedStep<typeof mocoSpec> = {
  kind: 'moco',
  row: 1,
  reference: true,
  spec: ({ hidden, queue }) => ({
    neck: { kind: 'mlp', hidden, out: 128 },
    queue,
    temperature: 0.2,
  }),
  pipelines: () => [v2View, v2View],
  loop: true,
};
