import type { Sha256 } from '../base/index.ts';
import type { Tensors } from '../step/learner.ts';
import type { FrozenClassifier, FrozenModel, FrozenSettings } from './frozen_model.ts';
import { openFrozen } from './frozen_model.ts';
import type { ImageSet } from './image_set.ts';
import { RowModel } from './row_model.ts';

/** Features of more bytes are not kept: they are computed again. */
const KEPT_BYTES = 2 ** 31;

/**
 * Logits of images. Those of networks that never learn are computed once for all states of the others, and
 * again only where the weights are others after all.
 */
export class ClassifierModel {
  /** Logits of an image. */
  readonly width: number;
  private readonly front: FrozenModel;
  private readonly behind: RowModel | undefined;
  private of: Sha256 | undefined;
  private kept:
    | { readonly of: Sha256; readonly set: ImageSet; readonly rows: Float32Array }
    | undefined;

  private constructor(width: number, front: FrozenModel, behind: RowModel | undefined) {
    this.width = width;
    this.front = front;
    this.behind = behind;
  }

  static async open(
    { front, behind, width }: FrozenClassifier,
    settings: FrozenSettings,
    { threads = 0 }: { readonly threads?: number | undefined },
  ): Promise<ClassifierModel> {
    const first = await openFrozen(front, settings, { threads });
    if (behind === undefined) return new ClassifierModel(width, first, undefined);
    const rows = { stages: behind, inputs: front.width, outputs: width };
    return new ClassifierModel(
      width,
      first,
      new RowModel({ ...rows, batch: settings.batch, threads }),
    );
  }

  /** Puts in the networks' part of a state. @throws UserError naming the tensor that is missing */
  async load(weights: Tensors): Promise<void> {
    this.of = await this.front.load(weights);
    await this.behind?.load(weights);
  }

  /** float32 [N, width]. @throws UserError naming the first image whose features are not finite. */
  async logits(set: ImageSet, signal?: AbortSignal): Promise<Float32Array> {
    const { behind } = this;
    if (behind === undefined) return this.front.features(set, signal);
    return behind.apply(await this.rows(set, signal), signal);
  }

  private async rows(set: ImageSet, signal: AbortSignal | undefined): Promise<Float32Array> {
    const { of, kept } = this;
    if (of === undefined) throw new Error('classifier: no weights');
    if (kept?.of === of && kept.set === set) return kept.rows;
    this.kept = undefined;
    const rows = await this.front.features(set, signal);
    if (rows.byteLength <= KEPT_BYTES) this.kept = { of, set, rows };
    return rows;
  }

  dispose(): void {
    this.front.dispose();
    this.behind?.dispose();
    this.kept = undefined;
  }
}
