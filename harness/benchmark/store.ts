import { type Sha256, sha256, UserError } from '../base/index.ts';
import { bytesOf } from '../engine/array.ts';
import { type FrozenModel, openFrozen } from '../evaluation/frozen_model.ts';
import type { ImageSet } from '../evaluation/image_set.ts';
import type { Layer, LayerFeatures, Pooling } from '../features/layers.ts';
import { averagePixels } from '../nn/layers.ts';
import { resnet } from '../nn/resnet.ts';
import { SOBEL_CHANNELS, sobel } from '../nn/sobel.ts';
import type { Tensors } from '../step/learner.ts';
import type { ImageUse } from './definition.ts';
import type { BenchmarkExperiment } from './experiment.ts';

/** Where features of frozen weights come from. */
export interface FeatureStore {
  /** Of the graphs that compute them. */
  readonly graph: Sha256;
  features(set: string, layer: Layer, pooling: Pooling): Promise<LayerFeatures>;
  dispose(): void;
}

export interface StoreSetup {
  readonly experiment: BenchmarkExperiment;
  readonly uses: Readonly<Record<string, ImageUse>>;
  readonly images: Readonly<Record<string, ImageSet>>;
  /** By the backbone's own names, as in files. */
  readonly weights: Tensors;
  readonly threads: number;
  readonly signal: AbortSignal | undefined;
}

/** Features in memory. */
export async function openStore(setup: StoreSetup): Promise<FeatureStore> {
  const { experiment, uses, images, threads, signal } = setup;
  const [size = 32] = Object.values(uses).map((use) => use.size);
  const { module, channels: width } = resnet(experiment.backbone);
  const before = experiment.sobel ? [{ prefix: '', module: sobel }] : [];
  const networks = {
    stages: [...before, { prefix: '', module }, { prefix: '', module: averagePixels }],
    channels: experiment.sobel ? SOBEL_CHANNELS.image : experiment.backbone.channels,
    width,
  };
  const { batch = 32, precision = 'fp32' } = experiment.extraction ?? {};
  const normalise = { mean: experiment.mean, std: experiment.std };
  const frozen: FrozenModel = await openFrozen(
    networks,
    { batch, size, precision, normalise },
    { threads },
  );
  await frozen.load(setup.weights);
  const made = new Map<string, LayerFeatures>();
  return {
    graph: frozen.graph,
    dispose: () => frozen.dispose(),
    features: async (name, layer, pooling) => {
      const set = images[name];
      if (set === undefined || layer !== 'feat5' || pooling !== 'average')
        throw new UserError(`features: ${name} ${layer} ${pooling} is not there yet`);
      const found = made.get(name) ?? inMemory(await frozen.features(set, signal), width);
      made.set(name, found);
      return found;
    },
  };
}

function inMemory(values: Float32Array, width: number): LayerFeatures {
  return {
    count: values.length / width,
    width,
    sha256: sha256(bytesOf(values)),
    rows: async (first, count) => values.subarray(first * width, (first + count) * width),
  };
}
