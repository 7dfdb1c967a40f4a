import {
  makeFolders,
  Sha256,
  sha256Json,
  sha256Slowly,
  sweepTemporaries,
  UserError,
} from '../base/index.ts';
import type { ViewSpec } from '../data/spec.ts';
import { startEngine } from '../engine/index.ts';
import { heldLanes } from '../engine/lanes.ts';
import { native } from '../engine/native/capi.ts';
import { fingerprint } from '../engine/native/fingerprint.ts';
import { numericsIds } from '../engine/numerics/index.ts';
import type { FrozenSettings } from '../evaluation/frozen_model.ts';
import { pooledWidth } from '../nn/levels.ts';
import { resnet } from '../nn/resnet.ts';
import type { Tensors } from '../step/learner.ts';
import { tensorPieces } from '../weights/safetensors.ts';
import { writeFeatures } from './extract.ts';
import { Extractor, type FrozenNetwork, featureWeights, type Images } from './extractor.ts';
import { type Layer, type LayerFeatures, type LayerUse, levelOf, type Pooling } from './layers.ts';
import { featurePaths, manifestFor, type Origin, originOf } from './manifest.ts';
import { openFeatures } from './stored.ts';

/** Images whose features are kept, and which of them are asked for. */
export interface StoredSet {
  readonly images: Images;
  /** How each image was brought to `size`. */
  readonly pipeline: ViewSpec;
  /** Side, pixels. */
  readonly size: number;
  /** What will be asked for: made in one pass over the images. */
  readonly uses: readonly LayerUse[];
}

export interface StoreOptions {
  /** Where the files lie. */
  readonly folder: string;
  readonly network: FrozenNetwork;
  /** By the backbone's own names, in the layout of files, float32. */
  readonly weights: Tensors;
  readonly settings: Omit<FrozenSettings, 'size'>;
  /** By the names that the files have. */
  readonly sets: Readonly<Record<string, StoredSet>>;
  /** Threads of the engine; 0 for all cores. Never changes a bit. */
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** A line for people. */
  readonly tell?: ((line: string) => void) | undefined;
}

/** Features of frozen weights, computed once and kept. */
export interface FeatureStore {
  /** SHA-256 of what computes them. */
  readonly graph: Sha256;
  /**
   * Taken from the folder where nothing that decides them has changed and the bytes are those that were
   * written; else made again, which is said.
   * @throws UserError naming the first image whose features are not finite; where the disk is full.
   */
  features(set: string, layer: Layer, pooling: Pooling): Promise<LayerFeatures>;
  dispose(): void;
}

/**
 * Opens the features of frozen weights in a folder: `SET_feat5.npy` (`_adaptive` or `_average` behind
 * where the pooling is not the specified one), float32 [N, D], which NumPy reads, and beside each a
 * manifest of what decided it. No more than a batch of images is held, whatever a set's size.
 * @throws UserError where a layer cannot be pooled as asked for on images of that size.
 */
export async function openFeatureStore(options: StoreOptions): Promise<FeatureStore> {
  await startEngine();
  return Store.open(options);
}

class Store implements FeatureStore {
  readonly graph: Sha256;
  private readonly options: StoreOptions;
  private readonly weights: Tensors;
  private readonly weightsSha256: Sha256;
  private readonly platform: string;
  private readonly found = new Map<string, LayerFeatures>();
  private model: { readonly key: string; readonly extractor: Extractor } | undefined;
  private turn: Promise<unknown> = Promise.resolve();

  private constructor(options: StoreOptions, weights: Tensors, sha256: Sha256, platform: string) {
    this.options = options;
    this.platform = platform;
    this.weights = weights;
    this.weightsSha256 = sha256;
    const graphs = Object.entries(options.sets).map(([name, set]) => [
      name,
      set.uses.length === 0 ? null : this.extractor(set, set.uses).graph,
    ]);
    this.graph = sha256Json(Object.fromEntries(graphs));
  }

  static async open(options: StoreOptions): Promise<Store> {
    const weights = featureWeights(options.network, options.weights);
    makeFolders(options.folder);
    sweepTemporaries(options.folder);
    const { fp32, bf16 = fingerprint().id } = await numericsIds();
    const platform = options.settings.precision === 'bf16' ? bf16 : fp32;
    return new Store(options, weights, await sha256Slowly(tensorPieces(weights)), platform);
  }

  features(set: string, layer: Layer, pooling: Pooling): Promise<LayerFeatures> {
    const made = this.turn.then(() => this.inTurn(set, { layer, pooling }));
    this.turn = made.catch(() => undefined);
    return made;
  }

  dispose(): void {
    this.model?.extractor.dispose();
    this.model = undefined;
  }

  private async inTurn(name: string, use: LayerUse): Promise<LayerFeatures> {
    const set = this.options.sets[name];
    if (set === undefined) throw new Error(`features: no set ${name}`);
    const known = await this.stored(name, set, use);
    if (known !== undefined) return known;
    const missing = [use];
    for (const other of set.uses)
      if (!same(other, use) && (await this.stored(name, set, other)) === undefined)
        missing.push(other);
    await this.extract(name, set, missing);
    const made = this.found.get(this.paths(name, use).name);
    if (made === undefined) throw new Error(`features: ${name} ${use.layer} was not made`);
    return made;
  }

  /** What lies in the folder already, where it is what is wanted. */
  private async stored(name: string, set: StoredSet, use: LayerUse) {
    const { tell = () => {}, signal } = this.options;
    const paths = this.paths(name, use);
    const known = this.found.get(paths.name);
    if (known !== undefined) return known;
    const manifest = manifestFor(paths.manifest, this.originOf(name, set, use));
    if (manifest === undefined) return undefined;
    const features =
      typeof manifest === 'string' ? manifest : await openFeatures(paths.array, manifest, signal);
    if (typeof features === 'string') {
      tell(`features ${paths.name}: made again, because ${features}`);
      return undefined;
    }
    this.found.set(paths.name, features);
    return features;
  }

  private async extract(name: string, set: StoredSet, uses: readonly LayerUse[]): Promise<void> {
    const { tell = () => {}, signal } = this.options;
    const extractor = this.extractor(set, uses);
    await extractor.load(this.weights);
    const files = uses.map((use) => ({
      use,
      paths: this.paths(name, use),
      origin: this.originOf(name, set, use),
    }));
    const manifests = await writeFeatures(extractor, set.images, files, { tell, signal });
    for (const [i, manifest] of manifests.entries()) {
      const paths = files[i]?.paths;
      if (paths === undefined) continue;
      const features = await openFeatures(paths.array, manifest, signal, 'trusted');
      if (typeof features === 'string') throw new UserError(`${paths.array}: ${features}`);
      this.found.set(paths.name, features);
    }
  }

  /** The network for some layers; the last one is kept, as sets mostly ask for the same. */
  private extractor({ size }: StoredSet, uses: readonly LayerUse[]): Extractor {
    const { network, settings, threads = 0 } = this.options;
    const key = JSON.stringify([size, uses]);
    if (this.model?.key === key) return this.model.extractor;
    this.model?.extractor.dispose();
    this.model = undefined;
    const extractor = new Extractor(network, { ...settings, size }, uses, threads);
    this.model = { key, extractor };
    return extractor;
  }

  private paths(name: string, use: LayerUse) {
    return featurePaths(this.options.folder, name, use);
  }

  private originOf(name: string, { images, pipeline, size }: StoredSet, use: LayerUse): Origin {
    const { network, settings } = this.options;
    const { layer, pooling } = use;
    const channels = resnet(network.backbone).widths[levelOf(layer)] ?? 0;
    return originOf({
      set: name,
      layer,
      pooling,
      shape: [images.count, pooledWidth(levelOf(layer), channels, pooling)],
      weights: this.weightsSha256,
      backbone: network.backbone,
      sobel: network.sobel,
      data: Sha256.parse(images.sha256),
      pipeline: [...pipeline],
      size,
      mean: [...settings.normalise.mean],
      std: [...settings.normalise.std],
      precision: settings.precision,
      batch: settings.batch,
      lanes: heldLanes(),
      library: Sha256.parse(native().library.sha256),
      platform: this.platform,
    });
  }
}

function same(a: LayerUse, b: LayerUse): boolean {
  return a.layer === b.layer && a.pooling === b.pooling;
}
