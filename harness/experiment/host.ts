import type { HostArray, TypedArray } from '../engine/array.ts';
import type { StateEntry } from '../engine/state_entry.ts';
import type { Stream } from '../random/stream.ts';
import type { Metrics } from './metrics.ts';

/** Features of every image of the training source, in order. */
export interface Features {
  /** float32 [samples, width]; for features of several axes, flattened as they lie in the graph. */
  readonly values: Float32Array;
  readonly width: number;
}

/** What a random choice is for: its name, and where in the run it is made. */
export type Purpose = readonly (string | number)[];

/**
 * What a method can use between steps: the state of the run, features, random streams. All that it
 * does must follow from the state, the experiment and the place in the run. Else a resumed run
 * would end with other numbers.
 */
export interface Host {
  readonly seed: number;
  /** Images of the training source. */
  readonly samples: number;
  /** Threads for programs of the method's own; 0 for all cores. Never changes a bit. */
  readonly threads: number;
  /** The weights that the run began with, for messages; undefined where they are drawn from the seed. */
  readonly weights?: string | undefined;
  /** A stream of the method's own, named by what it is for. */
  stream(...purpose: Purpose): Stream;
  /**
   * A random choice, made from the stream of its purpose. A test that follows a reference puts the
   * reference's choice in its place, so what follows from the choice is not made in here.
   */
  choose(purpose: Purpose, make: (stream: Stream) => Int32Array): Int32Array;
  /** State and parameters by full name, laid out as in the graph. */
  read(names: readonly string[]): Promise<HostArray[]>;
  /** Sets state and parameters. */
  write(values: Iterable<readonly [string, HostArray]>): Promise<void>;
  /** Runs one of `Method.entries` on the state. */
  run(
    entry: StateEntry<never>,
    inputs?: Readonly<Record<string, TypedArray>>,
  ): Promise<Record<string, HostArray>>;
  /**
   * Features of all images, in evaluation mode, as `Model.features` says. Stops a run that was told to
   * stop, so extract before anything is written.
   * @throws UserError naming the first image whose features are not finite.
   */
  features(): Promise<Features>;
  readonly log: {
    readonly info: (message: string) => void;
    readonly warn: (message: string) => void;
  };
}

/** An epoch that is about to begin, from 0. */
export interface EpochPlace {
  readonly epoch: number;
}

/** A micro-step that is done. */
export interface StepAt {
  /** Micro-steps before it, over all epochs. */
  readonly step: number;
  readonly epoch: number;
  /** Micro-steps before it in its epoch. */
  readonly epochStep: number;
}

export interface AfterStep extends StepAt {
  /** Of all replicas together. */
  readonly images: number;
  readonly outputs: Readonly<Record<string, HostArray>>;
}

/** What a method does on the host, between epochs and between steps. */
export interface HostWork {
  /**
   * Work before the first step of an epoch, on the state that the epoch before has left: extract
   * features, cluster, set labels. Not called when an epoch is resumed in its middle.
   * @returns numbers for the log and the record of the epoch
   */
  beforeEpoch?(host: Host, at: EpochPlace): Promise<Metrics>;
  /**
   * The samples of an epoch instead of a permutation, int32 [samples]; undefined for the usual order.
   * Called after `beforeEpoch`, and again when an epoch is resumed in its middle: it may depend on
   * streams, and on state that steps leave as it is.
   */
  order?(host: Host, at: EpochPlace): Promise<Int32Array | undefined>;
  /**
   * Work after every micro-step, while the next batch is made. A run is saved after it, so it happens
   * exactly once a step however often the run is interrupted.
   * @returns more metrics of the step, the same names every time
   */
  afterStep?(host: Host, at: AfterStep): Promise<Metrics>;
}
