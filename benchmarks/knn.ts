import { z } from 'zod';
import { defineBenchmark, hostArray, UserError } from '../harness/benchmark/kit.ts';
import { knnVotes } from '../harness/evaluation/knn.ts';
import { nearestRows } from '../harness/evaluation/nearest_rows.ts';
import { classCount, topShare } from '../harness/evaluation/rows.ts';
import { cifar10, classData, classSets, drawnData, folders, imagenet } from './settings.ts';

export const knnSpec = z
  .strictObject({
    data: classData,
    k: z.int().positive().default(200),
    /** Votes are exp(similarity / temperature); Wu et al. 2018, arXiv:1805.01978, section 3.4. */
    temperature: z.number().positive().default(0.07),
  })
  .readonly();
export type KnnSpec = z.output<typeof knnSpec>;

/** Weighted k-NN on frozen features, Wu et al. 2018, arXiv:1805.01978, section 3.4. */
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
  features: () => [
    { set: 'train', layers: ['feat5'], pooling: 'average' },
    { set: 'test', layers: ['feat5'], pooling: 'average' },
  ],
  units: () => ['knn'],

  check({ k }, { train }) {
    if (train !== undefined && k > train.count)
      throw new UserError(
        `benchmark.k: found ${k}, but benchmark.data.train has ${train.count} images; ` +
          `use a k of at most ${train.count}`,
      );
  },

  async judge({ k, temperature }, { sets, features, threads, signal }) {
    const rowsOf = async (use: string) => {
      const labels = sets[use]?.labels;
      if (labels === undefined) throw new UserError(`benchmark.data.${use}: k-NN needs one label`);
      return { rows: await features(use, 'feat5', 'average'), labels };
    };
    const [train, test] = [await rowsOf('train'), await rowsOf('test')];
    const found = await nearestRows(train.rows, test.rows, { k, threads, signal });
    const classes = classCount(train.labels);
    const votes = Float32Array.from(knnVotes(found, train.labels, classes, temperature));
    const share = (top: number) => topShare(votes, classes, test.labels, top);
    return {
      metrics: { top1: share(1), top5: share(Math.min(5, classes)) },
      tensors: new Map([
        ['neighbours', hostArray('int32', [test.labels.length, k], found.indices)],
      ]),
      predictions: { set: 'test', scores: votes },
    };
  },

  summary: (_, units) => units.get('knn') ?? {},
});
