import { z } from 'zod';
import { parse, Sha256, sha256Json, UserError } from '../base/index.ts';
import { isWide, NUMERICS, PORTABLE_IS_WIDE, saidNumerics } from '../engine/arithmetic.ts';
import { LANES } from '../engine/lanes.ts';
import { resnetSpec } from '../nn/resnet.ts';
import { SOBEL_CHANNELS } from '../nn/sobel.ts';
import type { BenchmarkDefinition } from './definition.ts';
import { type Benchmarks, benchmarkNamed } from './registry.ts';

const Channels = z.tuple([z.number(), z.number(), z.number()]).readonly();

const WeightsSpec = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('file'),
    /** Of the file's bytes. */
    sha256: Sha256,
    /** What stands before the backbone's names in it. */
    prefix: z.string(),
  }),
  /** A fresh start, from `seed`. */
  z.strictObject({ kind: z.literal('random') }),
]);

const fields = {
  name: z
    .string()
    .regex(/^[a-z0-9][\w.-]*(\/[a-z0-9][\w.-]*)*$/, 'expected small letters, digits, - _ . and /'),
  seed: z.int().default(0),
  benchmark: z.looseObject({ kind: z.string() }).readonly(),
  weights: WeightsSpec.readonly(),
  backbone: resnetSpec,
  /** Images pass Sobel filters before the backbone, which takes their two channels. */
  sobel: z.boolean().default(false),
  /** Channel means and deviations of pixels scaled to 0..1; ImageNet's by default. */
  mean: Channels.default([0.485, 0.456, 0.406]),
  std: Channels.default([0.229, 0.224, 0.225]),
  /** As of an experiment: parts that the work inside an op is cut into, which decides how sums round. */
  lanes: z.int().positive().max(64).default(LANES),
  /** As of an experiment: `portable` for the same bits on every x86-64 CPU with AVX2. */
  numerics: z.enum(NUMERICS).optional(),
};

/** How features of frozen weights are computed. */
const ExtractionSpec = z
  .strictObject({
    /** Images at a time: 32, docs/reference/benchmarks.md, section 2.2. */
    batch: z.int().positive().default(32),
    precision: z.enum(['fp32', 'bf16']).default('fp32'),
  })
  .readonly();

const FrozenSpec = z
  .strictObject({ ...fields, extraction: ExtractionSpec.prefault({}) })
  .refine(({ numerics, extraction }) => isWide(numerics, extraction.precision), {
    message: PORTABLE_IS_WIDE,
    path: ['extraction', 'precision'],
  })
  .transform(({ numerics, ...spec }) => ({ ...spec, ...saidNumerics(numerics) }))
  .readonly();
const TrainedSpec = z
  .strictObject(fields)
  .transform(({ numerics, ...spec }) => ({ ...spec, ...saidNumerics(numerics) }))
  .readonly();

/**
 * A benchmark run as a value: whatever may change a bit of its result is in here, weights by their hash. Where weights
 * and data lie is not, nor how many threads work on it.
 */
export type BenchmarkExperiment = z.output<typeof TrainedSpec> & {
  readonly extraction?: z.output<typeof ExtractionSpec>;
};

/**
 * Checks a value and fills in its defaults.
 * @throws UserError with a line for each mistake: path, expectation, what was found, nearest key.
 */
export function parseBenchmark(value: unknown, benchmarks: Benchmarks): BenchmarkExperiment {
  const kind = z.looseObject({ benchmark: z.looseObject({ kind: z.string() }) }).safeParse(value)
    .data?.benchmark.kind;
  const what = `benchmark ${kind ?? 'of no kind'}`;
  const definition = kind === undefined ? undefined : benchmarkNamed(kind, benchmarks);
  const schema = definition?.way === 'trained' ? TrainedSpec : FrozenSpec;
  const experiment: BenchmarkExperiment = parse(schema, value, what);
  const { sobel, backbone } = experiment;
  const seen = sobel ? SOBEL_CHANNELS.edges : SOBEL_CHANNELS.image;
  if (backbone.channels !== seen)
    throw new UserError(
      `${what}: backbone.channels: found ${backbone.channels}, expected ${seen} with sobel ${sobel}`,
    );
  const { kind: named, ...own } = experiment.benchmark;
  const spec = parse(definitionOf(named, benchmarks).schema, own, what, ['benchmark']);
  return deepFreeze({ ...experiment, benchmark: { kind: named, ...Object(spec) } });
}

/** The protocol of an experiment. */
export function definitionOf(kind: string, benchmarks: Benchmarks): BenchmarkDefinition {
  return benchmarkNamed(kind, benchmarks);
}

/** The experiment id: SHA-256 of the canonical JSON. */
export function benchmarkId(experiment: BenchmarkExperiment): Sha256 {
  return sha256Json(experiment);
}

/** Whether a record's experiment is a benchmark's. */
export function isBenchmark(experiment: object): boolean {
  return 'benchmark' in experiment;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(deepFreeze);
  return Object.freeze(value);
}
