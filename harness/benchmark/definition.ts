import type { z } from 'zod';
import type { SourceSpec, ViewSpec } from '../data/spec.ts';
import type { HostArray } from '../engine/array.ts';
import type { ExperimentInput, MethodDefinition, Metrics } from '../experiment/index.ts';
import type { Layer, LayerFeatures, Pooling } from '../features/layers.ts';
import type { ResNetSpec } from '../nn/resnet_spec.ts';

/** Images that a protocol looks at, by the name it gives them. */
export interface ImageUse {
  readonly source: SourceSpec;
  /** How each is brought to `size`; one view, the same each time. */
  readonly pipeline: ViewSpec;
}

/** Labelled images as a protocol sees them. */
export interface BenchSet {
  readonly count: number;
  /** int32 [N]; absent for sources of several labels. */
  readonly labels: Int32Array | undefined;
  /** int8 [N, C] of such sources: 1 present, 0 absent, -1 difficult. */
  readonly marks: Int8Array | undefined;
  readonly classes: readonly string[];
  describe(index: number): string;
}

/** What a protocol computes with. */
export interface Bench {
  readonly seed: number;
  readonly sets: Readonly<Record<string, BenchSet>>;
  /** Computed once, kept in the work directory, and used again where nothing that decides them changed. */
  features(set: string, layer: Layer, pooling: Pooling): Promise<LayerFeatures>;
  /** Folder of the protocol's own files; a file in it is written whole or not at all. */
  readonly folder: string;
  /** Threads of the engine; 0 for all cores. Never changes a bit. */
  readonly threads: number;
  readonly signal: AbortSignal | undefined;
  /** A line for people, of progress. */
  tell(line: string): void;
}

/** What each image was taken for, for pictures. */
export interface Predictions {
  readonly set: string;
  /** float32 [N, C]: the larger, the more the class. */
  readonly scores: Float32Array;
}

/** What one unit leads to. */
export interface Judged {
  /** Percent. */
  readonly metrics: Metrics;
  /** What was fitted or found, by name: written to the folder, and hashed as the unit's state. */
  readonly tensors: ReadonlyMap<string, HostArray>;
  readonly predictions?: Predictions;
}

interface Named<Spec> {
  /** As `scripts/benchmark.mjs` names it. */
  readonly kind: string;
  /** For tables. */
  readonly title: string;
  /** Its own fields of `benchmark`, without `kind`; every number of the protocol is one. */
  readonly schema: z.ZodType<Spec>;
  /**
   * What it runs on without any file, as fields of the spec: the golden, the example and the smoke test.
   */
  readonly drawn: z.input<z.ZodType<Spec>>;
}

/** A protocol on features of frozen weights. */
export interface FrozenBenchmark<Spec> extends Named<Spec> {
  /** The images, by use. */
  sets(spec: Spec): Readonly<Record<string, ImageUse>>;
  /** What is computed one after another, each an entry of the record; a stopped run goes on between them. */
  units(spec: Spec): readonly string[];
  /** Refuses what the open data do not allow, before anything is computed. @throws UserError */
  check?(spec: Spec, sets: Readonly<Record<string, BenchSet>>): void;
  judge(spec: Spec, bench: Bench, unit: string): Promise<Judged>;
  /** What stands in tables, from the metrics of all units. */
  summary(spec: Spec, units: ReadonlyMap<string, Metrics>): Metrics;
}

/** The weights that a protocol trains on top of. */
export interface Target {
  readonly backbone: ResNetSpec;
  /** The method saw edges: images pass Sobel filters first. */
  readonly sobel: boolean;
}

/** A protocol that trains: an experiment like any other, which starts from the weights. */
export interface TrainedBenchmark<Spec> extends Named<Spec> {
  /** The method that it trains by. */
  readonly method: MethodDefinition;
  /** The experiments, by name: one, or the cells of a grid. */
  experiments(spec: Spec, target: Target): Readonly<Record<string, ExperimentInput>>;
  /** What stands in tables, from the metrics of the last epoch of each, and of each epoch. */
  summary(spec: Spec, runs: ReadonlyMap<string, readonly Metrics[]>): Metrics;
}
