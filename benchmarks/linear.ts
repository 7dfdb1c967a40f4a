import { z } from 'zod';
import { defineBenchmark, type Metrics, type Target } from '../harness/benchmark/kit.ts';
import type { ExperimentInput } from '../harness/experiment/index.ts';
import {
  checkClassCount,
  classification,
  defineMethod,
  frozen,
  levelRows,
  pooledWidth,
  rowHeads,
  SOBEL_CHANNELS,
  sobel,
  tf,
} from '../harness/experiment/kit.ts';
import { cifar10, imagenet } from './settings.ts';
import {
  experimentOf,
  frozenBackbone,
  rate,
  trainedData,
  trainedEpochs,
  training,
} from './training.ts';
import { cifar10Still, drawnTrained, jitteredView } from './views.ts';

const pool = z.enum(['specified', 'adaptive']);

export const multiSpec = z
  .strictObject({
    classes: z.int().min(2),
    /** Windows of fixed size, for images of 224 pixels; bins that fit any. */
    pool,
    /** Edges instead of colours for the backbone. */
    sobel: z.literal(true).optional(),
    /** Deviation of the weights of the heads at the start. */
    initStd: z.number().nonnegative(),
    /** Weight of a batch in the running statistics of the heads. */
    normMomentum: z.number().min(0).max(1),
    /** Images whose features are computed at a time, once; absent: in each step, of views drawn anew. */
    cache: z.int().positive().optional(),
  })
  .readonly();
export type MultiSpec = z.output<typeof multiSpec>;

/**
 * Linear classifiers on all levels of a frozen backbone at once, which it passes once a step
 * (docs/reference/benchmarks.md, section 5). Level i has loss and accuracy `loss.i` and `acc.i`, from 1,
 * and is judged as `head0_top1`, …, from 0, as the original has it.
 */
export const linearMulti = defineMethod<MultiSpec>({
  kind: 'linear_multi',
  schema: multiSpec,
  views: 1,
  labels: true,
  frozenBackbone: true,
  channels: ({ sobel: edges }) => (edges ? SOBEL_CHANNELS.edges : SOBEL_CHANNELS.image),
  cached: ({ cache }) => cache !== undefined,

  checkData: checkClassCount,

  model({ classes, pool: pooled, sobel: edges, initStd, normMomentum: momentum, cache }, backbone) {
    const levels = backbone.widths.map((channels, level) => ({ level, channels, pool: pooled }));
    const widths = levels.map(({ level, channels }) => pooledWidth(level, channels, pooled));
    const width = widths.reduce((sum, own) => sum + own, 0);
    const before = edges ? ['sobel_layer'] : [];
    const heads = { levels, classes, pool: pooled, sync: true, affine: false, momentum, initStd };
    return {
      networks: {
        ...(edges ? { sobel_layer: sobel } : {}),
        backbone: frozen(levelRows(backbone, levels)), // [N, H, W, C] → [N, width]
        head: rowHeads(heads), // [N, width] → [N, levels classes]
      },
      backbone: 'backbone.',
      pretrained: 'backbone',
      ...(edges ? { input: { network: 'sobel_layer', channels: SOBEL_CHANNELS.image } } : {}),
      classifier: {
        networks: ['head'],
        classes,
        heads: levels.length,
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

  loss({ classes, sobel: edges, cache }, step) {
    const image = () => (edges ? step.forward('sobel_layer', step.view(0)) : step.view(0));
    const levels = cache === undefined ? step.forward('backbone', image()) : step.rows;
    const logits = step.forward('head', levels);
    const [count = 0, all = 0] = logits.shape;
    const each = Array.from({ length: all / classes }, (_, level) => {
      const own = tf.slice(logits, [0, level * classes], [count, classes]);
      return classification(own, step.labels);
    });
    return {
      loss: tf.addN(each.map(({ loss }) => loss)),
      metrics: Object.fromEntries(each.map(({ loss }, i) => [`loss.${i + 1}`, loss])),
      shares: Object.fromEntries(each.map(({ accuracy }, i) => [`acc.${i + 1}`, accuracy])),
    };
  },
});

/** Fields of the heads in a protocol's schema, with its own numbers as defaults. */
export function headFields({
  classes,
  cache,
}: {
  readonly classes: number;
  readonly cache: number;
}) {
  return {
    classes: z.int().min(2).default(classes),
    pool: pool.default('specified'),
    initStd: z.number().nonnegative().default(0.01),
    normMomentum: z.number().min(0).max(1).default(0.1),
    /**
     * Features of each training image are computed once, of one view of it, so many images at a time; 0: in each step,
     * of views drawn anew. Departs: the original has no such thing.
     */
    cache: z.int().nonnegative().default(cache),
  };
}

const imagenetData = { ...imagenet.data, view: [...jitteredView] };

/** ImageNet, docs/reference/benchmarks.md, section 5. */
export const linearSpec = z
  .strictObject({
    data: trainedData.prefault(imagenetData),
    ...headFields({ classes: 1000, cache: 0 }),
    lr: rate.default(0.01),
    ...training({
      replicas: 8,
      batch: 32,
      epochs: 90,
      momentum: 0.9,
      nesterov: true,
      weightDecay: 1e-4,
      milestones: [30, 60, 90],
      gamma: 0.1,
      judgeEvery: 10,
      judgeBatch: 128,
      keepEvery: 10,
      logEvery: 50,
    }),
  })
  .readonly();
export type LinearSpec = z.output<typeof linearSpec>;

/** The experiment of a spec: on ImageNet, or on Places205. */
export function multiExperiment(name: string, spec: LinearSpec, target: Target): ExperimentInput {
  const { classes, pool: pooled, initStd, normMomentum, cache } = spec;
  return experimentOf(spec, target, {
    name,
    method: {
      kind: linearMulti.kind,
      ...{ classes, pool: pooled, initStd, normMomentum },
      ...(target.sobel ? { sobel: true } : {}),
      ...(cache === 0 ? {} : { cache }),
    },
    backbone: frozenBackbone(target),
  });
}

/** Top-1 and top-5 of each level after the last epoch, and of the level that is best then. */
export function lastEpoch(epochs: readonly Metrics[]): Metrics {
  const last = trainedEpochs(epochs).at(-1) ?? {};
  const heads = Object.entries(last).filter(([name]) => /^head\d+_top[15]$/.test(name));
  const firsts = heads.filter(([name]) => name.endsWith('_top1'));
  const best = firsts.reduce((a, b) => (b[1] > a[1] ? b : a), ['', Number.NEGATIVE_INFINITY]);
  const [name, top1] = best;
  if (name === '') return {};
  const top5 = last[name.replace('top1', 'top5')] ?? Number.NaN;
  return { ...Object.fromEntries(heads), best_head: Number(/\d+/.exec(name)?.[0]), top1, top5 };
}

/**
 * The linear protocol "Multi". Departs: the short last batch of an epoch is dropped, and the last epoch is always
 * judged.
 */
export const linear = defineBenchmark<LinearSpec>({
  kind: 'linear',
  title: 'Linear, Multi',
  schema: linearSpec,
  method: linearMulti,
  drawn: {
    data: drawnTrained,
    ...{ classes: 10, pool: 'adaptive', replicas: 2, batch: 32, epochs: 3, milestones: [2] },
    ...{ judgeEvery: 2, judgeBatch: 80, logEvery: 5 },
  },
  presets: {
    imagenet: { needs: imagenet.needs, spec: { data: imagenetData } },
    cifar10: {
      needs: cifar10.needs,
      spec: {
        data: cifar10Still,
        ...{ classes: 10, pool: 'adaptive', replicas: 1, batch: 256, cache: 200, judgeBatch: 200 },
        ...{ epochs: 30, milestones: [10, 20, 30] },
      },
    },
  },
  experiments: (spec, target) => ({ linear: multiExperiment('linear', spec, target) }),
  summary: (_, runs) => lastEpoch(runs.get('linear') ?? []),
});
