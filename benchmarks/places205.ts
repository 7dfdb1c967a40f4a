import { z } from 'zod';
import { defineBenchmark } from '../harness/benchmark/kit.ts';
import { headFields, lastEpoch, linearMulti, multiExperiment } from './linear.ts';
import { places205 as data } from './settings.ts';
import { rate, trainedData, training } from './training.ts';
import { drawnPlaces, placesView } from './views.ts';

const placesData = { ...data.data, view: [...placesView] };

/** Places205, docs/reference/benchmarks.md, section 7. */
export const placesSpec = z
  .strictObject({
    data: trainedData.prefault(placesData),
    ...headFields({ classes: 205, cache: 0 }),
    lr: rate.default(0.01),
    ...training({
      replicas: 8,
      batch: 32,
      epochs: 28,
      momentum: 0.9,
      nesterov: true,
      weightDecay: 1e-4,
      milestones: [7, 14, 21],
      gamma: 0.1,
      judgeEvery: 10,
      judgeBatch: 32,
      keepEvery: 10,
      logEvery: 50,
    }),
  })
  .readonly();
export type PlacesSpec = z.output<typeof placesSpec>;

/**
 * The linear protocol "Multi" on Places205. Departs: the short last batch of an epoch is dropped; the last epoch, 28, is
 * judged and saved, where the original's own config evaluates and saves epochs 10 and 20 alone and its table says that the
 * last one is reported.
 */
export const places205 = defineBenchmark<PlacesSpec>({
  kind: 'places205',
  title: 'Places205, Multi',
  schema: placesSpec,
  method: linearMulti,
  drawn: {
    data: drawnPlaces,
    ...{ classes: 5, pool: 'adaptive', replicas: 2, batch: 32, epochs: 3, milestones: [1, 2] },
    ...{ judgeEvery: 2, judgeBatch: 80, logEvery: 5 },
  },
  presets: { places205: { needs: data.needs, spec: { data: placesData } } },
  experiments: (spec, target) => ({ places205: multiExperiment('places205', spec, target) }),
  summary: (_, runs) => lastEpoch(runs.get('places205') ?? []),
});
