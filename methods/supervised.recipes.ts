import {
  cifarBackbone,
  cifarComparison,
  cifarData,
  cifarEpochs,
  drawnData,
  drawnEvaluation,
  flip,
  imagenetTrain,
  type RecipeOf,
  smallBackbone,
  type TimedStep,
} from './settings.ts';
import type { supervisedSpec } from './supervised.ts';

type Recipe = RecipeOf<'supervised', typeof supervisedSpec>;

const cifarView = [{ kind: 'randomCrop', padding: 4 }, flip] as const;

/**
 * The original's classification/cifar10/r50 (docs/reference/methods.md, section 14): ResNet-50 with
 * the stem for ImageNet, on one GPU. Departs: the short last batch of an epoch is dropped.
 */
export const cifar10R50: Recipe = {
  name: 'classification/cifar10/r50',
  method: { kind: 'supervised', classes: 10, initStd: 0.01 },
  backbone: { depth: 50, stem: 'imagenet' },
  data: { ...cifarData, pipelines: [cifarView] },
  replicas: 1,
  batch: 128,
  epochs: 350,
  optimizer: { kind: 'sgd', lr: 0.1, momentum: 0.9, weightDecay: 5e-4 },
  schedule: { kind: 'step', milestones: [150, 250] },
  checkpoint: { keepEvery: 50 },
  evaluation: { test: cifarComparison.test, classify: { everyEpochs: 10 } },
};

/**
 * The original's classification/imagenet/r50 (docs/reference/methods.md, section 14). Its third
 * milestone, the last epoch, never acts. One GPU of the original is a replica of 32 images here:
 * 256 a step. Departs: the short last batch of an epoch is dropped.
 */
export const imagenetR50: Recipe = {
  name: 'classification/imagenet/r50',
  method: { kind: 'supervised', classes: 1000, initStd: 0.01 },
  backbone: { depth: 50, norm: 'sync' },
  data: {
    train: { ...imagenetTrain, file: 'imagenet/meta/train_labeled.txt', labelled: true },
    pipelines: [[{ kind: 'randomResizedCrop', scale: [0.08, 1] }, flip]],
    size: 224,
    dropLast: true,
  },
  replicas: 8,
  batch: 32,
  epochs: 90,
  optimizer: { kind: 'sgd', lr: 0.1, momentum: 0.9, weightDecay: 1e-4 },
  schedule: { kind: 'step', milestones: [30, 60, 90] },
  checkpoint: { keepEvery: 10 },
  evaluation: {
    test: {
      kind: 'list',
      root: 'imagenet/val',
      file: 'imagenet/meta/val_labeled.txt',
      labelled: true,
    },
    pipeline: [{ kind: 'resize', size: 256 }, { kind: 'centerCrop' }],
    classify: { everyEpochs: 10 },
  },
};

/**
 * Classification of images drawn from the seed, in half a minute. Expected: about 90 % of the test
 * images.
 *
 *     npx zx scripts/reproduce.mjs supervised
 */
export const small: Recipe = {
  name: 'supervised',
  method: { kind: 'supervised', classes: 10, initStd: 0.01 },
  backbone: smallBackbone,
  data: {
    ...drawnData,
    pipelines: [
      [{ kind: 'randomResizedCrop', scale: [0.3, 1] }, flip, { kind: 'grayscale', p: 0.9 }],
    ],
  },
  replicas: 1,
  batch: 64,
  epochs: 4,
  optimizer: { kind: 'sgd', lr: 0.05, momentum: 0.9, weightDecay: 5e-4 },
  schedule: { kind: 'cosine', warmup: { epochs: 1, ratio: 0.01 } },
  evaluation: { ...drawnEvaluation, classify: { everyEpochs: 1 } },
};

/**
 * What the labels are worth on CIFAR-10 to the backbone of the other methods: rates and views as in
 * He et al. 2016, section 4.2, in fewer epochs, on as many of the official files as there are.
 *
 *     npx zx scripts/reproduce.mjs supervised-cifar10 --data DIR
 */
export const cifar10: Recipe = {
  name: 'supervised-cifar10',
  method: { kind: 'supervised', classes: 10, initStd: 0.01 },
  backbone: cifarBackbone,
  data: { ...cifarData, pipelines: [cifarView] },
  replicas: 1,
  batch: 128,
  epochs: cifarEpochs,
  optimizer: { kind: 'sgd', lr: 0.1, momentum: 0.9, weightDecay: 5e-4 },
  schedule: { kind: 'cosine', warmup: { epochs: 1, ratio: 0.01 } },
  evaluation: { ...cifarComparison, classify: { everyEpochs: 1 } },
};

/** The classes of ImageNet, whatever the size of the images. */
export const speed: TimedStep<typeof supervisedSpec> = {
  kind: 'supervised',
  row: 10,
  spec: () => ({ classes: 1000 }),
};
