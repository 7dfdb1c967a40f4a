import type { Sha256 } from '../base/index.ts';
import type { Tensors } from '../step/learner.ts';
import type { FrozenClassifier, FrozenModel, FrozenSettings } from './frozen_model.ts';
import { openFrozen } from './frozen_model.ts';
import type { ImageSet } from './image_set.ts';
import type { Passes } from './passes.ts';
import { RowModel } from './row_model.ts';

/** Features of more bytes are not kept: they are computed again. */
const KEPT_BYTES = 2 ** 31;

export interface ClassifierOptions {
  /** The images that it is judged by. */
  readonly test: ImageSet;
  readonly passes: Passes;
  readonly threads?: number | undefined;
}

/**
 * Logits of the test images. Those of networks that never learn are computed once for all states of the others, and
 * again only where the weights are others after all.
 */
export class ClassifierModel {
  /** Logits of an image. */
  readonly width: number;
  private readonly front: FrozenModel;
  private readonly behind: RowModel | undefined;
  private readonly extract: (signal?: AbortSignal) => Promise<Float32Array>;
  private kept: { readonly of: Sha256; readonly rows: Float32Array } | undefined;

  private constructor(
    width: number,
    front: FrozenModel,
    behind: RowModel | undefined,
    { passes, test }: ClassifierOptions,
  ) {
    this.width = width;
    this.front = front;
    this.behind = behind;
    this.extract = passes.of(front, test);
  }

  static async open(
    { front, behind, width }: FrozenClassifier,
    settings: FrozenSettings,
    options: ClassifierOptions,
  ): Promise<ClassifierModel> {
    const { threads = 0 } = options;
    const first = await openFrozen(front, settings, { threads });
    if (behind === undefined) return new ClassifierModel(width, first, undefined, options);
    const rows = { stages: behind, inputs: front.width, outputs: width };
    const second = new RowModel({ ...rows, batch: settings.batch, threads });
    return new ClassifierModel(width, first, second, options);
  }

  /** Puts in the networks' part of a state. @throws UserError naming the tensor that is missing */
  async load(weights: Tensors): Promise<void> {
    await this.front.load(weights);
    await this.behind?.load(weights);
  }

  /** float32 [N, width]. @throws UserError naming the first image whose features are not finite. */
  async logits(signal?: AbortSignal): Promise<Float32Array> {
    const { behind } = this;
    if (behind === undefined) return this.extract(signal);
    return behind.apply(await this.rows(signal), signal);
  }

  private async rows(signal: AbortSignal | undefined): Promise<Float32Array> {
    const of = this.front.loaded;
    if (this.kept?.of === of) return this.kept.rows;
    this.kept = undefined;
    const rows = await this.extract(signal);
    if (rows.byteLength <= KEPT_BYTES) this.kept = { of, rows };
    return rows;
  }

  dispose(): void {
    this.front.dispose();
    this.behind?.dispose();
    this.kept = undefined;
  }
}
