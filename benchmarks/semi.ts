import { z } from 'zod';
import { defineBenchmark, type Metrics } from '../harness/benchmark/kit.ts';
import {
  checkClassCount,
  classification,
  classifier,
  defineMethod,
  SOBEL_CHANNELS,
  scored,
  sobel,
  UserError,
} from '../harness/experiment/kit.ts';
import { cifar10, imagenet } from './settings.ts';
import {
  experimentOf,
  learningBackbone,
  type Numbers,
  rate,
  trainedData,
  trainedEpochs,
  training,
} from './training.ts';
import { cifar10Cropped, croppedView, drawnMany } from './views.ts';

export const semiMethodSpec = z
  .strictObject({
    classes: z.int().min(2),
    /** Edges instead of colours for the backbone. */
    sobel: z.literal(true).optional(),
    /** Deviation of the weights of the head at the start. */
    initStd: z.number().nonnegative(),
  })
  .readonly();
export type SemiMethodSpec = z.output<typeof semiMethodSpec>;

/**
 * All of a network learns from a few labels (docs/reference/benchmarks.md, section 8). It is judged as
 * `head0_top1`.
 */
export const semiMethod = defineMethod<SemiMethodSpec>({
  kind: 'semi',
  schema: semiMethodSpec,
  views: 1,
  labels: true,
  channels: ({ sobel: edges }) => (edges ? SOBEL_CHANNELS.edges : SOBEL_CHANNELS.image),

  checkData: checkClassCount,

  model: ({ classes, sobel: edges, initStd }, backbone) => ({
    networks: {
      ...(edges ? { sobel_layer: sobel } : {}),
      backbone: backbone.module,
      head: classifier({
        inputs: backbone.channels,
        classes,
        pool: true,
        initial: { kind: 'normal', std: initStd },
      }),
    },
    backbone: 'backbone.',
    pretrained: 'backbone',
    ...(edges ? { input: { network: 'sobel_layer', channels: SOBEL_CHANNELS.image } } : {}),
    classifier: { networks: ['backbone', 'head'], classes, heads: 1 },
  }),

  loss({ sobel: edges }, step) {
    const image = step.view(0);
    const seen = edges ? step.forward('sobel_layer', image) : image;
    const features = step.forward('backbone', seen); // [N, H', W', D]
    return scored(classification(step.forward('head', features), step.labels));
  },
});

/** SimCLR's subsets, converted: docs/reference/benchmarks.md, section 8. */
const imagenetLists = {
  kind: 'lists',
  1: 'imagenet/meta/train_labeled_1percent.txt',
  10: 'imagenet/meta/train_labeled_10percent.txt',
} as const;

/** The training images that keep their labels. */
const subset = z.discriminatedUnion('kind', [
  /** A list of the data folder for each percentage, as SimCLR published them, with labels. */
  z.strictObject({ kind: z.literal('lists'), 1: z.string(), 10: z.string() }).readonly(),
  /** As many of each class, drawn from a seed: not those that were published. */
  z.strictObject({ kind: z.literal('drawn'), seed: z.int().nonnegative().default(0) }).readonly(),
]);
const grid = z.array(rate).min(1).readonly();

const imagenetData = { ...imagenet.data, view: [...croppedView] };

/** One percentage of ImageNet's labels, with the numbers that depend on it. */
function specOf<Percent extends 1 | 10>(
  percent: Percent,
  { weightDecay, logEvery }: Pick<Numbers, 'weightDecay' | 'logEvery'>,
) {
  return z
    .strictObject({
      percent: z.literal(percent),
      /** All training images, of which the subset is one. */
      data: trainedData.prefault(imagenetData),
      subset: subset.prefault(imagenetLists),
      classes: z.int().min(2).default(1000),
      initStd: z.number().nonnegative().default(0.01),
      /** Rates of the grid, and the times the head's rate is that. */
      lrs: grid.default([0.001, 0.01, 0.1]),
      heads: grid.default([1, 10, 100]),
      ...training({
        replicas: 4,
        batch: 64,
        epochs: 20,
        momentum: 0.9,
        nesterov: false,
        weightDecay,
        milestones: [12, 16],
        gamma: 0.2,
        judgeEvery: 20,
        judgeBatch: 32,
        keepEvery: 20,
        logEvery,
      }),
    })
    .readonly();
}

/** ImageNet, docs/reference/benchmarks.md, section 8. */
export const semiSpec = z.discriminatedUnion('percent', [
  specOf(1, { weightDecay: 5e-4, logEvery: 10 }),
  specOf(10, { weightDecay: 1e-4, logEvery: 50 }),
]);
export type SemiSpec = z.output<typeof semiSpec>;

/** A point of the grid, by the name of its run. */
interface Cell {
  readonly name: string;
  readonly lr: number;
  readonly head: number;
}

function cellsOf({ lrs, heads }: Pick<SemiSpec, 'lrs' | 'heads'>): readonly Cell[] {
  return lrs.flatMap((lr) => heads.map((head) => ({ name: `lr${lr}_head${head}`, lr, head })));
}

function subsetOf({ data, subset: chosen, percent }: SemiSpec): SemiSpec['data'] {
  if (chosen.kind === 'drawn')
    return { ...data, train: { kind: 'subset', source: data.train, percent, seed: chosen.seed } };
  if (data.train.kind !== 'list')
    throw new UserError(
      `benchmark.subset.kind: lists, but benchmark.data.train is of kind ${data.train.kind}; use drawn`,
    );
  return { ...data, train: { ...data.train, file: chosen[percent] } };
}

/**
 * Semi-supervised learning with 1 % or 10 % of the labels: a grid of rates, each point a run of its own.
 * Departs: the short last batch of an epoch is dropped; the untrained state is judged as well.
 */
export const semi = defineBenchmark<SemiSpec>({
  kind: 'semi',
  title: 'Semi-supervised',
  schema: semiSpec,
  method: semiMethod,
  drawn: {
    percent: 10,
    ...{
      data: drawnMany,
      subset: { kind: 'drawn' },
      classes: 10,
      lrs: [0.01, 0.1],
      heads: [1, 10],
    },
    ...{ replicas: 2, batch: 16, epochs: 4, milestones: [2, 3], judgeEvery: 2, judgeBatch: 80 },
  },
  presets: {
    imagenet: {
      needs: [...imagenet.needs, imagenetLists[1], imagenetLists[10]],
      spec: { percent: 1, data: imagenetData, subset: imagenetLists },
    },
    imagenet_drawn: {
      needs: imagenet.needs,
      spec: { percent: 1, data: imagenetData, subset: { kind: 'drawn' } },
    },
    cifar10: {
      needs: cifar10.needs,
      spec: {
        percent: 1,
        ...{ data: cifar10Cropped, subset: { kind: 'drawn' }, classes: 10 },
        ...{ replicas: 1, batch: 50, judgeBatch: 200, logEvery: 10 },
      },
    },
  },

  experiments(spec, target) {
    const { classes, initStd } = spec;
    const data = subsetOf(spec);
    const method = {
      kind: semiMethod.kind,
      ...{ classes, initStd },
      ...(target.sobel ? { sobel: true } : {}),
    };
    const backbone = learningBackbone(target);
    return Object.fromEntries(
      cellsOf(spec).map(({ name, lr, head }) => [
        name,
        experimentOf({ ...spec, data, lr }, target, {
          ...{ name: `semi/${name}`, method, backbone },
          rules: [{ match: '^head\\.', lrMultiplier: head }],
        }),
      ]),
    );
  },

  /** The cell that is best after its last epoch, of those that were run, and each of them. */
  summary(spec, runs) {
    const done = cellsOf(spec).flatMap((cell) => {
      const last = trainedEpochs(runs.get(cell.name)).at(-1);
      if (last?.head0_top1 === undefined) return [];
      return [{ ...cell, top1: last.head0_top1, top5: last.head0_top5 ?? Number.NaN }];
    });
    const [first] = done;
    if (first === undefined) return {};
    const best = done.reduce((a, b) => (b.top1 > a.top1 ? b : a), first);
    const each: [string, number][] = done.flatMap(({ name, top1, top5 }) => [
      [`${name}_top1`, top1],
      [`${name}_top5`, top5],
    ]);
    const { top1, top5, lr, head } = best;
    const found: Metrics = { top1, top5, best_lr: lr, best_head: head };
    return { ...found, ...Object.fromEntries(each) };
  },
});
