import { z } from 'zod';
import { defineBenchmark, type Metrics } from '../harness/benchmark/kit.ts';
import {
  checkClassCount,
  classification,
  classifier,
  defineMethod,
  frozen,
  levelRows,
  SOBEL_CHANNELS,
  scored,
  sobel,
} from '../harness/experiment/kit.ts';
import { type Health, healthSpec, pulse } from './pulse.ts';
import { cifar10, imagenet } from './settings.ts';
import {
  experimentOf,
  frozenBackbone,
  rate,
  trainedData,
  trainedEpochs,
  training,
} from './training.ts';
import { cifar10Still, croppedView, drawnTrained } from './views.ts';

export const lastSpec = z
  .strictObject({
    classes: z.int().min(2),
    /** Edges instead of colours for the backbone. */
    sobel: z.literal(true).optional(),
    /** Deviation of the weights of the head at the start. */
    initStd: z.number().nonnegative(),
    /** What the first steps of weights that were loaded have to show. */
    health: healthSpec,
    /** Images whose features are computed at a time, once; absent: in each step, of views drawn anew. */
    cache: z.int().positive().optional(),
  })
  .readonly();
export type LastSpec = z.output<typeof lastSpec>;

/**
 * A linear classifier on the averaged last level of a frozen backbone, of He et al. 2020, arXiv:1911.05722
 * (docs/reference/benchmarks.md, section 6). It is judged as `head0_top1`.
 */
export const linearLast = defineMethod<LastSpec>({
  kind: 'linear_last',
  schema: lastSpec,
  views: 1,
  labels: true,
  frozenBackbone: true,
  channels: ({ sobel: edges }) => (edges ? SOBEL_CHANNELS.edges : SOBEL_CHANNELS.image),
  cached: ({ cache }) => cache !== undefined,

  checkData: checkClassCount,

  model({ classes, sobel: edges, initStd, cache }, backbone) {
    const level = backbone.widths.length - 1;
    const width = backbone.widths[level] ?? 0;
    const before = edges ? ['sobel_layer'] : [];
    return {
      networks: {
        ...(edges ? { sobel_layer: sobel } : {}),
        backbone: frozen(levelRows(backbone, [{ level, pool: 'average' }])), // [N, H, W, C] → [N, D]
        head: classifier({ inputs: width, classes, initial: { kind: 'normal', std: initStd } }),
      },
      backbone: 'backbone.',
      pretrained: 'backbone',
      ...(edges ? { input: { network: 'sobel_layer', channels: SOBEL_CHANNELS.image } } : {}),
      classifier: {
        networks: ['head'],
        classes,
        heads: 1,
        frozen: { networks: ['backbone'], width },
      },
      ...(cache === undefined
        ? {}
        : {
            cached: { width },
            features: { networks: [...before, 'backbone'], batch: cache, pipeline: 'training' },
          }),
    };
  },

  loss({ sobel: edges, cache }, step) {
    const image = () => (edges ? step.forward('sobel_layer', step.view(0)) : step.view(0));
    const features = cache === undefined ? step.forward('backbone', image()) : step.rows; // [N, D]
    return scored(classification(step.forward('head', features), step.labels));
  },

  afterStep: ({ classes, health }, host, at) => pulse(host, at, { classes, health }),
});

const imagenetData = { ...imagenet.data, view: [...croppedView] };

/** ImageNet, docs/reference/benchmarks.md, section 6. */
export const linearLastSpec = z
  .strictObject({
    data: trainedData.prefault(imagenetData),
    classes: z.int().min(2).default(1000),
    initStd: z.number().nonnegative().default(0.01),
    lr: rate.default(30),
    ...training({
      replicas: 8,
      batch: 32,
      epochs: 100,
      momentum: 0.9,
      nesterov: false,
      weightDecay: 0,
      milestones: [60, 80],
      gamma: 0.1,
      judgeEvery: 1,
      judgeBatch: 128,
      keepEvery: 10,
      logEvery: 50,
    }),
    health: healthSpec.prefault({}),
    /**
     * Features of each training image are computed once, of one view of it, so many images at a time; 0: in each step,
     * of views drawn anew. Departs: the original has no such thing.
     */
    cache: z.int().nonnegative().default(0),
  })
  .readonly();
export type LinearLastSpec = z.output<typeof linearLastSpec>;

/** Top-1 and top-5 of the epoch with the best top-1, the first of equal ones, as the original reports; and of the last. */
export function bestEpoch(run: readonly Metrics[]): Metrics {
  const epochs = trainedEpochs(run);
  const first = (metrics: Metrics | undefined) => metrics?.head0_top1 ?? Number.NEGATIVE_INFINITY;
  const best = epochs.reduce((a, _, i) => (first(epochs[i]) > first(epochs[a]) ? i : a), 0);
  const [top, last] = [epochs[best], epochs.at(-1)];
  if (top?.head0_top1 === undefined || last?.head0_top1 === undefined) return {};
  return {
    top1: top.head0_top1,
    top5: top.head0_top5 ?? Number.NaN,
    best_epoch: best + 1,
    last_top1: last.head0_top1,
    last_top5: last.head0_top5 ?? Number.NaN,
  };
}

/**
 * The linear protocol "Last", of MoCo. Departs: the short last batch of an epoch is dropped.
 */
export const linearLastBenchmark = defineBenchmark<LinearLastSpec>({
  kind: 'linear_last',
  title: 'Linear, Last',
  schema: linearLastSpec,
  method: linearLast,
  drawn: {
    data: drawnTrained,
    // Random weights on statistics that never moved give features a hundred times as large as trained ones.
    ...{ classes: 10, replicas: 2, batch: 32, lr: 3e-4, epochs: 6, milestones: [4, 5] },
    ...{ judgeBatch: 80, logEvery: 5, health: { steps: 10 } },
  },
  presets: {
    imagenet: { needs: imagenet.needs, spec: { data: imagenetData } },
    cifar10: {
      needs: cifar10.needs,
      spec: {
        data: cifar10Still,
        ...{ classes: 10, replicas: 1, batch: 256, cache: 200, judgeBatch: 200 },
      },
    },
  },
  experiments(spec, target) {
    const { classes, initStd, cache } = spec;
    const health: Health = spec.health;
    return {
      linear_last: experimentOf(spec, target, {
        name: 'linear_last',
        method: {
          kind: linearLast.kind,
          ...{ classes, initStd, health },
          ...(target.sobel ? { sobel: true } : {}),
          ...(cache === 0 ? {} : { cache }),
        },
        backbone: frozenBackbone(target),
      }),
    };
  },
  summary: (_, runs) => bestEpoch(runs.get('linear_last') ?? []),
});
