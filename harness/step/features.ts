import type { HostArray } from '../engine/array.ts';
import { castTo } from '../engine/op.ts';
import { type Precision, withPrecision } from '../engine/precision.ts';
import type { Io, Program } from '../engine/program.ts';
import { type Tensor, tf } from '../engine/tf.ts';
import type { LayerContext, Module } from '../nn/module.ts';

/** A network, and the prefix of its parameters and statistics, e.g. `encoder_q.0.`. */
export interface Stage {
  readonly prefix: string;
  readonly module: Module;
}

export interface FeatureDefinition {
  /** What images pass, one after another. */
  readonly stages: readonly Stage[];
  /** Images a run. */
  readonly batch: number;
  readonly size: number;
  readonly channels: number;
  readonly normalise: { readonly mean: readonly number[]; readonly std: readonly number[] };
  readonly precision: Precision;
}

/**
 * Adds the entry `features`: uint8 `images` [batch, size, size, C] → `features` float32 [batch, D],
 * what the last stage gives, with running statistics.
 */
export function defineFeatures(program: Program, definition: FeatureDefinition): void {
  const { stages, batch, size, channels, precision, normalise } = definition;
  program.entry('features', {
    inputs: { images: { dtype: 'uint8', shape: [batch, size, size, channels] } },
    build: (io) => {
      const { images } = io.inputs;
      if (images === undefined) throw new Error('features: no images');
      const x = normalised(castTo(images, 'float32'), normalise.mean, normalise.std);
      const y = withPrecision(precision, () =>
        stages.reduce((input, stage) => applied(io, stage, input), x),
      );
      return { features: tf.reshape(castTo(y, 'float32'), [batch, -1]) };
    },
  });
}

/** What is computed already: rows of features that pass more networks. */
export interface RowsDefinition {
  readonly stages: readonly Stage[];
  /** Rows a run. */
  readonly batch: number;
  /** Values of a row. */
  readonly inputs: number;
}

/** Adds the entry `rows`: float32 `rows` [batch, inputs] → `features` float32 [batch, D]. */
export function defineRows(program: Program, { stages, batch, inputs }: RowsDefinition): void {
  program.entry('rows', {
    inputs: { rows: { dtype: 'float32', shape: [batch, inputs] } },
    build: (io) => {
      const { rows } = io.inputs;
      if (rows === undefined) throw new Error('features: no rows');
      const y = stages.reduce((input, stage) => applied(io, stage, input), rows);
      return { features: tf.reshape(castTo(y, 'float32'), [batch, -1]) };
    },
  });
}

function applied(io: Io, { prefix, module }: Stage, x: Tensor): Tensor {
  const names = [...module.parameters.keys()];
  const params = Object.fromEntries(names.map((name) => [name, io.read(prefix + name)]));
  return module.apply(
    params,
    x,
    frozen((name) => io.read(prefix + name)),
  );
}

/**
 * (x / 255 - mean) / std by channel, as one multiplication and one subtraction. Rows of large
 * images are taken as vectors, because kernels are slow on three values at a time
 * (reports/measurements.md, "Normalising images by rows"). The bits are the same.
 * @param pixels [..., W, C]
 */
export function normalised(
  pixels: Tensor,
  mean: readonly number[],
  std: readonly number[],
): Tensor {
  const scale = std.map((s) => 1 / (255 * s));
  const shift = mean.map((m, c) => m / (std[c] ?? 1));
  const width = pixels.shape.at(-2) ?? 1;
  if (width < LARGE) return tf.sub(tf.mul(pixels, tf.tensor1d(scale)), tf.tensor1d(shift));
  const row = (values: readonly number[]) =>
    tf.tensor1d(Array.from({ length: width }, () => values).flat());
  const rows = tf.reshape(pixels, [-1, width * mean.length]);
  return tf.reshape(tf.sub(tf.mul(rows, row(scale)), row(shift)), pixels.shape);
}

/** Width in pixels from which taking rows is faster. */
const LARGE = 64;

/** Layers with running statistics that change nothing. */
function frozen(buffer: LayerContext['buffer'], prefix = ''): LayerContext {
  return {
    train: false,
    replicas: 1,
    buffer: (name) => buffer(prefix + name),
    update: (name) => {
      throw new Error(`features: '${prefix}${name}' would change while features are extracted`);
    },
    chance: (name) => {
      throw new Error(`features: '${prefix}${name}' would be random while features are extracted`);
    },
    meeting: (name) => {
      throw new Error(`features: '${prefix}${name}' asks other replicas, there are none`);
    },
    scope: (inner) => frozen(buffer, prefix + inner),
  };
}

/**
 * Features of a batch of `count` images; the rest of the compiled batch is padding.
 * @param signal as of `Program.runUnlessStopped`
 */
export async function extractFeatures(
  program: Program,
  images: Uint8Array,
  count: number,
  signal?: AbortSignal,
): Promise<Float32Array> {
  const { features } = await program.runUnlessStopped(signal, 'features', { images });
  return rowsOf(features, count);
}

function rowsOf(features: HostArray | undefined, count: number): Float32Array {
  if (features === undefined || !(features.data instanceof Float32Array))
    throw new Error('features: float32 expected');
  return features.data.subarray(0, count * (features.shape[1] ?? 0));
}
