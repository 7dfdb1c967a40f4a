import type { LayerUse } from '../features/layers.ts';
import { type FeatureStore, openFeatureStore, type StoredSet } from '../features/store.ts';
import type { Tensors } from '../step/learner.ts';
import type { FeatureUse, ImageUse } from './definition.ts';
import type { BenchmarkExperiment } from './experiment.ts';
import type { OpenSets } from './sets.ts';

export interface BenchmarkStoreSetup {
  /** Where features are kept. */
  readonly folder: string;
  readonly experiment: BenchmarkExperiment;
  readonly uses: Readonly<Record<string, ImageUse>>;
  /** What will be asked for. */
  readonly features: readonly FeatureUse[];
  readonly images: OpenSets['images'];
  /** By the backbone's own names, as in files. */
  readonly weights: Tensors;
  readonly threads: number;
  readonly signal: AbortSignal | undefined;
  readonly tell: (line: string) => void;
}

/** The features of a benchmark's frozen weights, of all its sets. */
export function openBenchmarkStore(setup: BenchmarkStoreSetup): Promise<FeatureStore> {
  const { experiment, uses, features, images, ...rest } = setup;
  const { backbone, sobel, mean, std, extraction } = experiment;
  if (extraction === undefined)
    throw new Error('benchmark: a protocol that trains has no features');
  const sets = Object.entries(images).map(([name, set]): [string, StoredSet] => {
    const use = uses[name];
    if (use === undefined) throw new Error(`benchmark: no set ${name}`);
    const { pipeline, size } = use;
    return [name, { images: set, pipeline, size, uses: usesOf(name, features) }];
  });
  return openFeatureStore({
    ...rest,
    network: { backbone, sobel },
    settings: { ...extraction, normalise: { mean, std } },
    sets: Object.fromEntries(sets),
  });
}

/** The layers of a set, each once. */
export function usesOf(set: string, features: readonly FeatureUse[]): LayerUse[] {
  const all = features
    .filter((use) => use.set === set)
    .flatMap(({ layers, pooling }) => layers.map((layer) => ({ layer, pooling })));
  return all.filter(
    (use, i) => all.findIndex((one) => JSON.stringify(one) === JSON.stringify(use)) === i,
  );
}
