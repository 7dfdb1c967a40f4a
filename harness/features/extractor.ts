import { breath, type Sha256, UserError } from '../base/index.ts';
import { sizeOf } from '../engine/array.ts';
import { toOIHW } from '../engine/layout.ts';
import { Program } from '../engine/program.ts';
import type { FrozenSettings } from '../evaluation/frozen_model.ts';
import type { ImageSet } from '../evaluation/image_set.ts';
import { statesOf, writeStages } from '../evaluation/stage_states.ts';
import { initialValue } from '../nn/initialise.ts';
import { levelRows, pooledWidth } from '../nn/levels.ts';
import { type ResNetSpec, resnet } from '../nn/resnet.ts';
import { SOBEL_CHANNELS, sobel } from '../nn/sobel.ts';
import { stream } from '../random/stream.ts';
import { defineFeatures, extractFeatures, type Stage } from '../step/features.ts';
import { graphHash } from '../step/graph_hash.ts';
import type { Tensors } from '../step/learner.ts';
import { type LayerUse, levelOf } from './layers.ts';

/** A network whose features are taken. */
export interface FrozenNetwork {
  readonly backbone: ResNetSpec;
  /** Images pass Sobel filters first, whose values never change. */
  readonly sobel: boolean;
}

/** Images of a set, brought to the size of the network's input. */
export type Images = Pick<ImageSet, 'count' | 'sha256' | 'describe' | 'images'>;

/** Rows of some images, one array a layer. */
export interface Rows {
  /** Index of the first image. */
  readonly first: number;
  /** float32 [count, D] of each layer, in the order in which they were asked for. */
  readonly layers: readonly Float32Array[];
}

/** Filters that a network begins with, and what it is made of behind them. */
function stagesOf({ backbone, sobel: edges }: FrozenNetwork, uses: readonly LayerUse[]): Stage[] {
  const wanted = uses.map(({ layer, pooling }) => ({ level: levelOf(layer), pool: pooling }));
  const own = { prefix: '', module: levelRows(resnet(backbone), wanted) };
  return edges ? [{ prefix: '', module: sobel }, own] : [own];
}

/** The tensors that decide features, as in files: those of the network, and the fixed filters. */
export function featureWeights(network: FrozenNetwork, weights: Tensors): Tensors {
  const filters = network.sobel
    ? [...sobel.parameters].map(([name, spec]) => {
        const value = initialValue(spec, stream(0, 'init', name)); // given, not drawn
        return [name, value.shape.length === 4 ? toOIHW(value) : value] as const;
      })
    : [];
  const own = statesOf([{ prefix: '', module: resnet(network.backbone).module }]).map(([name]) => {
    const value = weights.get(name);
    if (value === undefined)
      throw new UserError(
        `features: the weights have no ${name}, which a ResNet-${network.backbone.depth} has; name a whole file`,
      );
    return [name, value] as const;
  });
  return new Map([...filters, ...own]);
}

/** Several layers of a frozen network in one pass over images. Give it back by `dispose`. */
export class Extractor {
  /** Values of an image, by layer. */
  readonly widths: readonly number[];
  private readonly program: Program;
  private readonly settings: FrozenSettings;
  private readonly stages: readonly Stage[];

  /** @throws UserError where a layer cannot be pooled as asked for, by the image's size. */
  constructor(
    network: FrozenNetwork,
    settings: FrozenSettings,
    uses: readonly LayerUse[],
    threads: number,
  ) {
    const { widths } = resnet(network.backbone);
    this.widths = uses.map(({ layer, pooling }) =>
      pooledWidth(levelOf(layer), widths[levelOf(layer)] ?? 0, pooling),
    );
    this.settings = settings;
    this.stages = stagesOf(network, uses);
    this.program = new Program({ intraThreads: threads });
    for (const [name, { dtype, shape }] of statesOf(this.stages))
      this.program.state(name, { dtype, shape });
    const channels = network.sobel ? SOBEL_CHANNELS.image : network.backbone.channels;
    defineFeatures(this.program, { stages: this.stages, channels, ...settings });
  }

  /** SHA-256 of what computes the features. */
  get graph(): Sha256 {
    return graphHash(this.program.graph.serialize());
  }

  /** @param weights of `featureWeights` */
  async load(weights: Tensors): Promise<void> {
    await writeStages(this.program, this.stages, weights);
  }

  /**
   * Rows of all images, in order, as the network gives them.
   * @param signal ends it, which throws its reason then
   */
  async *rows(set: Images, signal?: AbortSignal | undefined): AsyncGenerator<Rows> {
    const { batch, size } = this.settings;
    const images = new Uint8Array(sizeOf([batch, size, size, 3]));
    for await (const piece of set.images()) {
      await breath(signal);
      images.set(piece.images);
      const all = await extractFeatures(this.program, images, piece.count, signal);
      yield { first: piece.first, layers: this.apart(all, piece.count) };
    }
  }

  dispose(): void {
    this.program.dispose();
  }

  /** The rows of each layer, of rows in which all stand one behind the other. */
  private apart(all: Float32Array, count: number): readonly Float32Array[] {
    const { widths } = this;
    const [only] = widths;
    if (widths.length === 1 && only !== undefined) return [all];
    const total = widths.reduce((sum, width) => sum + width, 0);
    let before = 0;
    return widths.map((width) => {
      const rows = new Float32Array(count * width);
      for (let i = 0; i < count; i++) {
        const from = i * total + before;
        rows.set(all.subarray(from, from + width), i * width);
      }
      before += width;
      return rows;
    });
  }
}
