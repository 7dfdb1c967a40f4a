/** Images of several classes each, as the SVM protocols have them (docs/reference/benchmarks.md, section 2). */
import { z } from 'zod';
import {
  type Bench,
  type BenchSet,
  LAYERS,
  type Layer,
  type Metrics,
  UserError,
} from '../harness/benchmark/kit.ts';
import { classData } from './settings.ts';

/** VOC 2007, every image squashed to 224 x 224, which nothing is cut off from. */
export const voc07 = {
  needs: ['VOCdevkit/VOC2007/ImageSets/Main'],
  data: {
    train: { kind: 'voc', split: 'trainval' },
    test: { kind: 'voc', split: 'test' },
    size: 224,
    pipeline: [{ kind: 'resize', size: 256 }, { kind: 'squash' }],
  },
} as const;

/** Pictures of several patterns each, drawn from a seed. */
export function drawnMarked({
  train,
  test,
  size = 32,
}: {
  train: number;
  test: number;
  size?: number;
}) {
  const picture = { kind: 'generated', size, labels: 'several', classes: 10 } as const;
  return {
    train: { ...picture, count: train },
    test: { ...picture, count: test, split: 'test' },
    size,
    pipeline: [{ kind: 'resize', size }, { kind: 'centerCrop' }],
  } as const;
}

const layer = z.enum(LAYERS);

/**
 * FEAT_LIST: layers, evaluated one after another; also as one text with blanks between, where the empty
 * one means feat5 (docs/reference/benchmarks.md, section 1).
 */
const featList = z
  .union([
    z.array(layer).min(1),
    z
      .string()
      .transform((text) => text.split(/\s+/).filter((word) => word !== ''))
      .transform((words): readonly string[] => (words.length === 0 ? ['feat5'] : words))
      .pipe(z.array(layer)),
  ])
  .refine((layers) => new Set(layers).size === layers.length, {
    message: 'expected each layer once',
  })
  .readonly();

/** 1, 10, 100, and 0.5^4 to 0.5^19, in the order in which the first of equally good ones is taken. */
const COSTS: readonly number[] = [
  ...[1, 10, 100],
  ...Array.from({ length: 16 }, (_, i) => 0.5 ** (i + 4)),
];

/** What both protocols have (docs/reference/benchmarks.md, sections 2.3 and 3). */
export const svmFields = {
  data: classData,
  layers: featList.default(['feat5']),
  pooling: z.enum(['specified', 'adaptive', 'average']).default('specified'),
  /** C; the order decides between equally good ones. */
  costs: z.array(z.number().positive()).min(1).readonly().default(COSTS),
  /** Weight of errors on images that have the class, and on others. */
  weights: z
    .strictObject({
      positive: z.number().positive().default(2),
      negative: z.number().positive().default(1),
    })
    .readonly()
    .prefault({}),
  /** The feature whose regularised weight is the intercept. */
  interceptScaling: z.number().positive().default(1),
  /** Added to the length that a row is divided by. */
  epsilon: z.number().nonnegative().default(1e-5),
  folds: z.int().min(2).default(3),
};

export function featureUses({
  layers,
  pooling,
}: {
  layers: readonly Layer[];
  pooling: 'specified' | 'adaptive' | 'average';
}) {
  return ['train', 'test'].map((set) => ({ set, layers, pooling }));
}

/** What is said of each image, by class: int8 [N] each, 1 present, 0 absent, -1 difficult. */
export function marksByClass(set: BenchSet): readonly Int8Array[] {
  const { count, classes } = set;
  const marks = markMatrix(set);
  return classes.map((_, c) =>
    Int8Array.from({ length: count }, (_, i) => marks[i * classes.length + c] ?? 0),
  );
}

/** The same as one matrix, int8 [N, C]. */
export function markMatrix({ labels, marks, classes, count }: BenchSet): Int8Array {
  if (marks !== undefined) return marks;
  return Int8Array.from({ length: count * classes.length }, (_, place) =>
    labels?.[Math.floor(place / classes.length)] === place % classes.length ? 1 : 0,
  );
}

/** @throws UserError where a mark is none, or a class cannot be told apart in one of the sets */
export function checkMarks(sets: Readonly<Record<string, BenchSet>>): void {
  for (const [use, set] of Object.entries(sets)) {
    const where = `benchmark.data.${use}`;
    expectMarks(where, set);
    const marks = marksByClass(set);
    for (const [what, kept] of [
      ['no image that has', (mark: number) => mark === 1],
      ['no image that is surely without', (mark: number) => mark === 0],
    ] as const) {
      const without = set.classes.filter((_, c) => !marks[c]?.some(kept));
      if (without.length > 0)
        throw new UserError(
          `${where}: ${what} ${without.map((name) => `"${name}"`).join(', ')} among ` +
            `${set.count}, and a machine needs both; use more images, or fewer classes`,
        );
    }
  }
}

function expectMarks(where: string, { labels, marks, classes, describe }: BenchSet): void {
  const values = labels ?? marks;
  if (values === undefined) throw new UserError(`${where}: labels are needed`);
  const [low, high] = labels === undefined ? [-1, 1] : [0, classes.length - 1];
  for (const [place, value] of values.entries()) {
    if (value >= low && value <= high) continue;
    const image = labels === undefined ? Math.floor(place / classes.length) : place;
    throw new UserError(
      `${where}: ${describe(image)} has the label ${value}, expected ${low} to ${high}`,
    );
  }
}

/** An average precision over images of which it is sure whether they have the class. */
export function onSureImages(
  rule: (scores: Float64Array, marks: Int8Array) => number,
  scores: Float64Array,
  marks: Int8Array,
): number {
  return rule(
    scores.filter((_, i) => marks[i] !== -1),
    marks.filter((mark) => mark !== -1),
  );
}

/** A metric of each layer, and that of the best one; of equal ones the first. */
export function bestLayer(units: ReadonlyMap<string, Metrics>, metric: string): Metrics {
  const each = [...units].map(([layer, found]) => [layer, found[metric] ?? Number.NaN] as const);
  const best = Math.max(...each.map(([, value]) => value));
  if (each.length === 1) return { [metric]: best };
  return {
    [metric]: best,
    ...Object.fromEntries(each.map(([layer, v]) => [`${layer}_${metric}`, v])),
  };
}

export function setOf({ sets }: Bench, name: string) {
  const set = sets[name];
  if (set === undefined) throw new Error(`svm: no set ${name}`);
  return set;
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
