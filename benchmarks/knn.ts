import { z } from 'zod';
import {
  type Bench,
  defineBenchmark,
  hostArray,
  type Judged,
  LAYERS,
  type Layer,
  type Metrics,
  UserError,
} from '../harness/benchmark/kit.ts';
import { knnVotes, VOTINGS } from '../harness/evaluation/knn.ts';
import { nearestRows } from '../harness/evaluation/nearest_rows.ts';
import { topShare } from '../harness/evaluation/rows.ts';
import type { Neighbours } from '../harness/evaluation/second_look.ts';
import { SIMILARITIES } from '../harness/evaluation/similarity.ts';
import { cifar10, classData, classSets, drawnData, folders, imagenet } from './settings.ts';

const count = z.int().positive();

export const knnSpec = z
  .strictObject({
    data: classData,
    layers: z
      .array(z.enum(LAYERS))
      .min(1)
      .refine((layers) => new Set(layers).size === layers.length, 'expected each layer once')
      .readonly()
      .default(['feat5']),
    pooling: z.enum(['average', 'specified', 'adaptive']).default('average'),
    /** Neighbours that vote; of several numbers the first makes the pictures. */
    k: z
      .union([count, z.array(count).min(1)])
      .transform((k): readonly number[] => (typeof k === 'number' ? [k] : k))
      .refine((all) => new Set(all).size === all.length, 'expected each k once')
      .readonly()
      .default([200]),
    /** How near two rows are: their cosine, their product, or minus their distance. */
    metric: z.enum(SIMILARITIES).default('cosine'),
    /** A weighted vote is exp(similarity / temperature), a uniform one 1. */
    voting: z.enum(VOTINGS).default('weighted'),
    temperature: z.number().positive().default(0.07), // tau
  })
  .readonly();
export type KnnSpec = z.output<typeof knnSpec>;

/**
 * Weighted k-NN on frozen features, Wu et al. 2018, arXiv:1805.01978, section 3.4: each test image takes
 * the class that most of its k nearest training images vote for. Nothing is trained. Departs: none.
 */
export const knn = defineBenchmark<KnnSpec>({
  kind: 'knn',
  title: 'k-NN',
  schema: knnSpec,
  drawn: { data: drawnData(), k: 20 },
  presets: {
    imagenet: { needs: imagenet.needs, spec: { data: imagenet.data } },
    cifar10: { needs: cifar10.needs, spec: { data: cifar10.data } },
    folder: { needs: folders.needs, spec: { data: folders.data, k: 20 } },
  },

  sets: ({ data }) => classSets(data),
  features: ({ layers, pooling }) => ['train', 'test'].map((set) => ({ set, layers, pooling })),
  units: ({ layers }) => layers,

  check({ k }, { train, test }) {
    for (const [use, set] of Object.entries({ train, test }))
      if (set?.labels === undefined)
        throw new UserError(
          `benchmark.data.${use}: its images have several labels or none; k-NN needs one each`,
        );
    const most = Math.max(...k);
    if (train !== undefined && most > train.count)
      throw new UserError(
        `benchmark.k: found ${most}, but benchmark.data.train has ${train.count} images; ` +
          `use a k of at most ${train.count}`,
      );
  },

  async judge(spec, bench, unit) {
    const layer = unit as Layer;
    const train = await bench.features('train', layer, spec.pooling);
    const test = await bench.features('test', layer, spec.pooling);
    const { metric } = spec;
    const { threads, signal } = bench;
    const near = await nearestRows(train, test, {
      k: Math.max(...spec.k),
      metric,
      threads,
      signal,
    });
    return judged(spec, bench, near);
  },

  summary: (_, units) => bestLayer(units),
});

/** The shares of test images whose class has most votes, or is among the five with most. */
function judged({ k, voting, temperature }: KnnSpec, { sets }: Bench, near: Neighbours): Judged {
  const { train, test } = sets;
  if (train?.labels === undefined || test?.labels === undefined) throw new Error('knn: no labels');
  const classes = train.classes.length;
  const [labels, truth] = [train.labels, test.labels];
  const scoresOf = (nearest: number) =>
    Float32Array.from(knnVotes(first(near, nearest), labels, classes, temperature, voting));
  const metrics: Record<string, number> = {};
  for (const nearest of k) {
    const scores = scoresOf(nearest);
    const prefix = k.length === 1 ? '' : `k${nearest}_`;
    metrics[`${prefix}top1`] = topShare(scores, classes, truth, 1);
    metrics[`${prefix}top5`] = topShare(scores, classes, truth, Math.min(5, classes));
  }
  const shape = [test.count, near.k];
  return {
    metrics,
    tensors: new Map([
      ['neighbours', hostArray('int32', shape, near.indices)],
      ['similarities', hostArray('float64', shape, near.similarities)],
    ]),
    predictions: { set: 'test', scores: scoresOf(k[0] ?? near.k) },
  };
}

/** The nearest few of more. */
function first({ k, indices, similarities }: Neighbours, fewer: number): Neighbours {
  if (fewer === k) return { k, indices, similarities };
  const kept = (_: unknown, at: number) => at % k < fewer;
  return { k: fewer, indices: indices.filter(kept), similarities: similarities.filter(kept) };
}

/** Each metric of the layer that has most of it; with several layers, those of each beside it. */
function bestLayer(units: ReadonlyMap<string, Metrics>): Metrics {
  const best: Record<string, number> = {};
  const each: Record<string, number> = {};
  for (const [layer, metrics] of units)
    for (const [name, value] of Object.entries(metrics)) {
      best[name] = Math.max(best[name] ?? value, value);
      each[`${layer}_${name}`] = value;
    }
  return units.size === 1 ? best : { ...best, ...each };
}
