/** What recipes of several methods have in common: their types, data, views, backbones, evaluation. */
import type { z } from 'zod';
import type { Host } from '../harness/experiment/host.ts';
import type { ExperimentInput } from '../harness/experiment/spec.ts';

/** An experiment as its recipe writes it, with the fields of its own method. */
export type RecipeOf<Kind extends string, Schema extends z.ZodType> = Omit<
  ExperimentInput,
  'method'
> & { readonly method: { readonly kind: Kind } & z.input<Schema> };

/** The data set that the images of a timed step stand for, by their size. */
export type Scale = 'imagenet' | 'cifar10';

/**
 * A method's training step as `scripts/perf.mjs` and `scripts/bench_step.mjs` time it, beside the same in
 * PyTorch: what a method's recipes export as `speed`.
 */
export interface TimedStep<Schema extends z.ZodType = z.ZodType, Name extends string = string> {
  /** Of the method, and its name in PyTorch's scripts. */
  readonly kind: string;
  /** Its place in tables of all methods, from 1. */
  readonly row: number;
  /** True where torch_reference.py has it; tools/torch/perf_methods.py has the others. */
  readonly reference?: true;
  /** True where state has a row for each image, so that their number counts. */
  readonly perImage?: true;
  /** Other numbers that a step depends on, by the names of PyTorch's options. */
  readonly numbers?: Readonly<Record<Scale, Readonly<Record<Name, number>>>>;
  /**
   * What is not at its default.
   * @param at its numbers; the width of hidden layers, which is the backbone's; keys of a queue
   */
  spec?(at: Readonly<Record<Name | 'hidden' | 'queue', number>>): z.input<Schema>;
  /** What makes views of that size; by default crops. A step that is timed alone takes noise for them. */
  pipelines?(size: number): ExperimentInput['data']['pipelines'];
  /** True where the whole loop from files is timed too, with `pipelines` as they are published. */
  readonly loop?: true;
  /** Steps over which work between steps is spread evenly. */
  readonly even?: number;
  /** Fills what is empty at the start, as in the middle of a run. */
  fill?(host: Host, spec: z.output<Schema>): Promise<void>;
}

export const crop = { kind: 'randomResizedCrop', scale: [0.2, 1] } as const;
export const flip = { kind: 'flip' } as const;
export const grayscale = { kind: 'grayscale', p: 0.2 } as const;

export const jitter = {
  kind: 'colorJitter',
  brightness: 0.4,
  contrast: 0.4,
  saturation: 0.4,
  hue: 0.1,
  p: 0.8,
} as const;

/** Blur would wipe out a 32x32 image: MoCo's CIFAR demo leaves it out. */
export const cifarView = [crop, flip, jitter, grayscale] as const;

/** The view of DeepCluster and ODC: docs/reference/methods.md, section 2.1. */
export const clusteringView = [
  { kind: 'randomResizedCrop', scale: [0.08, 1] },
  flip,
  { kind: 'rotation', degrees: 2 },
  { kind: 'colorJitter', brightness: 0.4, contrast: 0.4, saturation: 1, hue: 0.5 },
  grayscale,
] as const;

/**
 * Colours tell the drawn images apart but say nothing about their class, so most views have none and
 * what is left to recognise is the pattern.
 */
export const drawnView = [
  { kind: 'randomResizedCrop', scale: [0.3, 1] },
  flip,
  { kind: 'colorJitter', brightness: 0.4, contrast: 0.4, p: 0.8 },
  { kind: 'grayscale', p: 0.9 },
] as const;

/** Images drawn from the seed: no file is needed. */
export const drawnData = {
  train: { kind: 'generated', count: 4096 },
  size: 32,
  dropLast: true,
} as const;

export const drawnEvaluation = {
  train: { kind: 'generated', count: 1024 },
  test: { kind: 'generated', count: 512, split: 'test' },
  knn: { k: 20, temperature: 0.1, everyEpochs: 1 },
  linear: { epochs: 20, batch: 64 },
} as const;

/** A backbone for 32x32 images that trains in about a minute on two cores. */
export const smallBackbone = { depth: 18, width: 0.25, stem: 'cifar' } as const;

/** As many of the official files as there are. */
export const cifarData = {
  train: { kind: 'cifar10', root: 'cifar-10-batches-bin' },
  size: 32,
  mean: [0.4914, 0.4822, 0.4465],
  std: [0.2023, 0.1994, 0.201],
  dropLast: true,
} as const;

export const cifarEvaluation = {
  train: { kind: 'cifar10', root: 'cifar-10-batches-bin' },
  test: { kind: 'cifar10', root: 'cifar-10-batches-bin', split: 'test' },
  knn: { k: 200, temperature: 0.1, everyEpochs: 1 },
  linear: {},
} as const;

/** Looking costs a third of an epoch here. */
export const cifarComparison = {
  ...cifarEvaluation,
  knn: { ...cifarEvaluation.knn, everyEpochs: 2 },
} as const;

/** One backbone and one budget, so that methods can be compared, and ones that two cores can take. */
export const cifarBackbone = { depth: 18, width: 0.25, stem: 'cifar' } as const;
export const cifarEpochs = 4;

/** The original's ImageNet lists. */
export const imagenetTrain = {
  kind: 'list',
  root: 'imagenet/train',
  file: 'imagenet/meta/train.txt',
} as const;
