import type { TypedArray } from '../../engine/array.ts';
import type { Sizes } from '../../engine/program.ts';
import type { Source } from '../source.ts';

/**
 * What one micro-step takes; replica after replica. What costs much is there for the K replicas of this process
 * alone; the rest for all R of them, because the step needs that. K is R where one process has all.
 */
export interface Batch {
  /** One array a view, uint8 [K N, size, size, 3], augmented, not normalised. */
  readonly views: readonly Uint8Array[];
  /** int32 [R N]: the place of each image in the source. */
  readonly indices: Int32Array;
  /** The part of `indices` that `views` and `rows` are of, int32 [K N]; absent where that is all of it. */
  readonly own?: Int32Array;
  /** The method's permutations by name, int32 [R N]. */
  readonly draws: Readonly<Record<string, Int32Array>>;
  /** The true class of each image, int32 [R N]; for methods that ask. */
  readonly labels?: Int32Array;
  /**
   * float32 [K N, width]: features of the images, where steps take those that were computed once; there are no
   * views then.
   */
  readonly rows?: Float32Array;
  /** What a method that looks for objects takes in place of views, by `inputName`: of the replicas of this process. */
  readonly inputs?: Inputs;
  /** The free sizes of the step that these have, by `inputName`. */
  readonly sizes?: Sizes;
  /** int32 [2]: the key of random values in the graph; for methods that ask. */
  readonly chance?: Int32Array;
}

/** Arrays by name. */
export type Inputs = Readonly<Record<string, TypedArray>>;

/** Arrays of a replica, and the free sizes that they have. */
export interface SizedInputs {
  readonly inputs: Inputs;
  readonly sizes: Sizes;
}

/** What an input or a free size of one replica is called among those of all. */
export function inputName(replica: number, name: string): string {
  return `input${replica}.${name}`;
}

/** The same under the names that a step of all replicas has for them. */
export function ofReplica(replica: number, { inputs, sizes }: SizedInputs): SizedInputs {
  const named = <T>(of: Readonly<Record<string, T>>) =>
    Object.fromEntries(
      Object.entries(of).map(([name, value]) => [inputName(replica, name), value]),
    );
  return { inputs: named(inputs), sizes: named(sizes) };
}

/** Where batches come from; `Loader` is one. */
export interface Batches {
  readonly source: Source;
  readonly stepsPerEpoch: number;
  /** @param until as of `Loader.epoch` */
  epoch(
    epoch: number,
    fromStep?: number,
    samples?: Int32Array,
    until?: number,
  ): AsyncIterableIterator<Batch>;
  /** The same batches without their views: no image is read. */
  bare(epoch: number, fromStep?: number, samples?: Int32Array): Iterable<Batch>;
  dispose(): Promise<void>;
}
