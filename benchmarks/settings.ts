/** What protocols have in common: the data that they run on. */
import { z } from 'zod';
import { defaultPipeline, type ImageUse, sourceSpec, viewSpec } from '../harness/benchmark/kit.ts';

/** Labelled images that a protocol learns from, and those that it is judged by. */
export const classData = z
  .strictObject({
    train: sourceSpec,
    test: sourceSpec,
    /** Side of the images, pixels. */
    size: z.int().positive(),
    /** How an image is brought to it. */
    pipeline: viewSpec,
  })
  .readonly();
export type ClassData = z.output<typeof classData>;

/** The two sets of such data, for `FrozenBenchmark.sets`. */
export function classSets({
  train,
  test,
  pipeline,
  size,
}: ClassData): Readonly<Record<'train' | 'test', ImageUse>> {
  const use = (source: ImageUse['source']) => ({ source, pipeline, size });
  return { train: use(train), test: use(test) };
}

/** Images that are drawn from a seed: ten classes of shapes and textures. */
export function drawnData({ train = 320, test = 160, size = 32, classes = 10 } = {}) {
  return {
    train: { kind: 'generated', count: train, size, classes },
    test: { kind: 'generated', count: test, size, classes, split: 'test' },
    size,
    pipeline: defaultPipeline(size),
  } as const;
}

/** The official binary or Python files of CIFAR-10. */
export const cifar10 = {
  needs: ['cifar-10-batches-bin'],
  data: {
    train: { kind: 'cifar10', root: 'cifar-10-batches-bin' },
    test: { kind: 'cifar10', root: 'cifar-10-batches-bin', split: 'test' },
    size: 32,
    pipeline: defaultPipeline(32),
  },
} as const;

/** ImageNet by the original's lists, which `prepare` makes. */
export const imagenet = {
  needs: ['imagenet/meta/train_labeled.txt', 'imagenet/meta/val_labeled.txt'],
  data: {
    train: listOf('imagenet', 'train', 'train_labeled'),
    test: listOf('imagenet', 'val', 'val_labeled'),
    size: 224,
    pipeline: defaultPipeline(224),
  },
} as const;

/** Places205 by the original's lists. */
export const places205 = {
  needs: ['places205/meta/train_labeled.txt', 'places205/meta/val_labeled.txt'],
  data: {
    train: listOf('places205', 'train', 'train_labeled'),
    test: listOf('places205', 'val', 'val_labeled'),
    size: 224,
    pipeline: defaultPipeline(224),
  },
} as const;

/** Anybody's photographs: `train/CLASS/*.jpg` and `val/CLASS/*.jpg` in the data folder. */
export const folders = {
  needs: ['train', 'val'],
  data: {
    train: { kind: 'folder', root: 'train' },
    test: { kind: 'folder', root: 'val' },
    size: 224,
    pipeline: defaultPipeline(224),
  },
} as const;

function listOf(name: string, folder: string, list: string) {
  const file = `${name}/meta/${list}.txt`;
  return { kind: 'list', root: `${name}/${folder}`, file, labelled: true } as const;
}
