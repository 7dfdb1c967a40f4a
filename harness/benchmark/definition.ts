import type { z } from 'zod';
import { UserError } from '../base/index.ts';
import type { SourceSpec, ViewSpec } from '../data/spec.ts';
import type { HostArray } from '../engine/array.ts';
import type {
  Experiment,
  ExperimentInput,
  MethodDefinition,
  Metrics,
} from '../experiment/index.ts';
import type { Layer, LayerFeatures, Pooling } from '../features/layers.ts';
import type { ResNetSpec } from '../nn/resnet_spec.ts';

/** Weights that a protocol cannot judge, whatever the data: `all` leaves it out. */
export class UnsuitedWeights extends UserError {}

/** Images that a protocol looks at, by the name it gives them. */
export interface ImageUse {
  readonly source: SourceSpec;
  /** How each is brought to `size`; one view, the same each time. */
  readonly pipeline: ViewSpec;
  /** Side of the square images, pixels. */
  readonly size: number;
}

/** Features that a protocol asks for: a dry run tells of them, and one pass over the images makes them. */
export interface FeatureUse {
  /** Name of a set. */
  readonly set: string;
  readonly layers: readonly Layer[];
  readonly pooling: Pooling;
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
  /** Where paths of the spec start from. */
  readonly data: string;
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

/** Data sets of the world that a protocol knows its way about, by the name of `--preset`. */
export interface Preset {
  /** What has to lie in the data folder, e.g. `imagenet/meta/val_labeled.txt`. */
  readonly needs: readonly string[];
  /** Fields of the spec. */
  readonly spec: Readonly<Record<string, unknown>>;
  /** Taken only where it is asked for by name, whatever files are there. */
  readonly onlyByName?: boolean;
}

interface Named<Spec> {
  /** As `scripts/benchmark.mjs` names it: small letters, digits and `_`. */
  readonly kind: string;
  /** For tables. */
  readonly title: string;
  /** Its own fields of `benchmark`, without `kind`; every number of the protocol is one. */
  readonly schema: z.ZodType<Spec>;
  /**
   * What it runs on without any file, as fields of the spec: the golden, the example and the smoke test.
   */
  readonly drawn: Readonly<Record<string, unknown>>;
  /** The network there, fields of a ResNet's spec, where the usual small one does not suit. */
  readonly drawnBackbone?: Readonly<Record<string, unknown>>;
  /** The first whose files are there is taken for `--data DIR` without `--preset`. */
  readonly presets: Readonly<Record<string, Preset>>;
}

/** A protocol on features of frozen weights. */
export interface FrozenBenchmark<Spec> extends Named<Spec> {
  /** The images, by use. All have the same classes in the same order. */
  sets(spec: Spec): Readonly<Record<string, ImageUse>>;
  /** The features that `judge` will ask for. */
  features(spec: Spec): readonly FeatureUse[];
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
  /** `channels` are those of the first filters: 2 behind Sobel's. */
  readonly backbone: ResNetSpec;
  /** The method saw edges: images pass Sobel filters first. */
  readonly sobel: boolean;
  /** What pixels were normalised by, of 0..1: `data.mean` and `data.std`. */
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

/** A run of a protocol that trains, once it is finished. */
export interface FinishedRun {
  /** Its name among the protocol's experiments. */
  readonly cell: string;
  readonly experiment: Experiment;
  /** Its work directory. */
  readonly folder: string;
}

/** What a protocol that trains draws of. */
export interface Drawing {
  readonly runs: readonly FinishedRun[];
  /** Of the whole benchmark. */
  readonly workDir: string;
  /** Name of the whole. */
  readonly title: string;
  /** Where paths of the spec start from. */
  readonly data: string;
  readonly signal: AbortSignal | undefined;
}

/** A protocol that trains: an experiment like any other, which starts from the weights. */
export interface TrainedBenchmark<Spec> extends Named<Spec> {
  /** The method that it trains by. */
  readonly method: MethodDefinition;
  /**
   * The experiments, by name (small letters, digits, `_`, `-`, `.`): one, or the cells of a grid. Their `name`, `seed`,
   * `lanes`, `numerics` and `start` are filled in by the runner.
   */
  experiments(spec: Spec, target: Target): Readonly<Record<string, ExperimentInput>>;
  /** What stands in tables, from the metrics of each epoch from 0 on, and of each experiment. */
  summary(spec: Spec, runs: ReadonlyMap<string, readonly Metrics[]>): Metrics;
  /**
   * Writes what its runs have to show, once all of them are finished, and lists its pictures (`listPictures`). Without it
   * the classifier that ended best is drawn.
   * @returns pages besides the report, by their path in the work directory; none where what they are made of is gone
   */
  draw?(spec: Spec, drawing: Drawing): Promise<readonly string[]>;
}

/** A protocol with its spec filled in. */
export type BoundBenchmark = BoundFrozen | BoundTrained;

export interface BoundFrozen {
  readonly way: 'frozen';
  sets(): Readonly<Record<string, ImageUse>>;
  features(): readonly FeatureUse[];
  units(): readonly string[];
  check(sets: Readonly<Record<string, BenchSet>>): void;
  judge(bench: Bench, unit: string): Promise<Judged>;
  summary(units: ReadonlyMap<string, Metrics>): Metrics;
}

export interface BoundTrained {
  readonly way: 'trained';
  readonly method: MethodDefinition;
  experiments(target: Target): Readonly<Record<string, ExperimentInput>>;
  summary(runs: ReadonlyMap<string, readonly Metrics[]>): Metrics;
  /** As the protocol's; absent where it has none. */
  readonly draw: ((drawing: Drawing) => Promise<readonly string[]>) | undefined;
}

/** What a registry holds: the protocol without the type of its spec. */
export interface BenchmarkDefinition extends Omit<Named<unknown>, 'schema'> {
  readonly way: BoundBenchmark['way'];
  readonly schema: z.ZodType;
  /** What it trains by, where it trains. */
  readonly method: MethodDefinition | undefined;
  /** @param spec the `benchmark` part of an experiment. */
  bindBenchmark(spec: Readonly<Record<string, unknown>>): BoundBenchmark;
}

/** Makes a protocol usable by the runner. */
export function defineBenchmark<Spec>(protocol: FrozenBenchmark<Spec>): BenchmarkDefinition;
export function defineBenchmark<Spec>(protocol: TrainedBenchmark<Spec>): BenchmarkDefinition;
export function defineBenchmark<Spec>(
  protocol: FrozenBenchmark<Spec> | TrainedBenchmark<Spec>,
): BenchmarkDefinition {
  const { kind, title, schema, drawn, drawnBackbone, presets } = protocol;
  if (!/^[a-z][a-z0-9_]*$/.test(kind)) throw new Error(`benchmark: ${kind} is no kind`);
  return {
    kind,
    title,
    schema,
    drawn,
    ...(drawnBackbone === undefined ? {} : { drawnBackbone }),
    presets,
    way: 'judge' in protocol ? 'frozen' : 'trained',
    method: 'judge' in protocol ? undefined : protocol.method,
    bindBenchmark: ({ kind: _, ...fields }) => {
      const spec = schema.parse(fields);
      return 'judge' in protocol ? boundFrozen(protocol, spec) : boundTrained(protocol, spec);
    },
  };
}

function boundFrozen<Spec>(protocol: FrozenBenchmark<Spec>, spec: Spec): BoundFrozen {
  return {
    way: 'frozen',
    sets: () => protocol.sets(spec),
    features: () => protocol.features(spec),
    units: () => protocol.units(spec),
    check: (sets) => protocol.check?.(spec, sets),
    judge: (bench, unit) => protocol.judge(spec, bench, unit),
    summary: (units) => protocol.summary(spec, units),
  };
}

function boundTrained<Spec>(protocol: TrainedBenchmark<Spec>, spec: Spec): BoundTrained {
  const { draw } = protocol;
  return {
    way: 'trained',
    method: protocol.method,
    experiments: (target) => protocol.experiments(spec, target),
    summary: (runs) => protocol.summary(spec, runs),
    draw: draw && ((drawing) => draw(spec, drawing)),
  };
}
