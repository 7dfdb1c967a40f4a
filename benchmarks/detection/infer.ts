import type { HostArray } from '../../harness/engine/array.ts';
import type { InputSpec, Program, Sizes } from '../../harness/engine/program.ts';
import type { SizeRange } from '../../harness/engine/sizes/ranges.ts';
import { type Tensor, tf } from '../../harness/engine/tf.ts';
import { anchorGrid } from './anchors.ts';
import { res4Channels } from './backbone.ts';
import { bindNetworks, entriesOf, type Networks } from './bind.ts';
import { type Boxes, boxCount, type ImageSize } from './boxes.ts';
import { type DetectorSpec, judging, masking, proposing } from './c4.ts';
import { type Detections, detections } from './detections.ts';
import { maskSide } from './mask_head.ts';
import { type Proposals, proposals } from './proposals.ts';
import { mostSamplesWithin } from './roi_align.ts';

/** Sizes of a batch as the network sees it, padding included: one for all batches, or another one for each within bounds. */
export interface BatchShape {
  readonly images: number;
  readonly height: number | SizeRange;
  readonly width: number | SizeRange;
}

interface PixelSize {
  readonly height: number;
  readonly width: number;
}

const STRIDE = 16;

/** Rows and columns of the feature map: halved four times, rounded up. */
export function featureSize({ height, width }: PixelSize): ImageSize {
  return [Math.ceil(height / STRIDE), Math.ceil(width / STRIDE)];
}

/** Entries of a program that look for objects in batches. Norms use their running statistics. */
export interface Detecting {
  readonly program: Program;
  readonly name: string;
  readonly spec: DetectorSpec;
  readonly shape: BatchShape;
}

/**
 * Adds them: `NAME.propose`, `NAME.judge` and, with a mask head, `NAME.mask`. Between them the host chooses boxes.
 * Norms do not mix regions here, so that fewer of them are filled up with empty boxes.
 */
export function addDetecting(one: Detecting, networks: Networks): void {
  const { program, name, spec, shape } = one;
  const { images } = shape;
  const free = freeSizes(shape);
  const sizes = Object.keys(free).length === 0 ? {} : { sizes: free };
  const channels = res4Channels(spec.backbone);
  const pixels = (own: Sizes) => sizeIn(shape, own);
  const features = inputOf(free, (own) => [images, ...featureSize(pixels(own)), channels]);
  const largest = featureSize(sizeIn(shape, mostOf(free)));
  const samples = mostSamplesWithin({ shape: [images, ...largest] }, spec.pooler);
  const names = [...entriesOf(networks, 'parameters').keys()];
  const forwardIn = (io: Parameters<Parameters<Program['entry']>[1]['build']>[0]) => {
    const params = Object.fromEntries(names.map((key) => [key, io.read(key)]));
    return bindNetworks(networks, params, io, false).forward;
  };
  const input = (value: Tensor | undefined) => value as Tensor;
  program.entry(`${name}.propose`, {
    ...sizes,
    inputs: {
      images: inputOf(free, (own) => [images, pixels(own).height, pixels(own).width, 3]),
    },
    build: (io) => proposing(forwardIn(io), input(io.inputs.images)),
  });
  program.entry(`${name}.judge`, {
    ...sizes,
    inputs: { features, boxes: tensor(images, spec.proposals.test.after, 4) },
    build: (io) => {
      const boxes = tf.unstack(input(io.inputs.boxes));
      return judging(spec, forwardIn(io), input(io.inputs.features), boxes, samples);
    },
  });
  if (spec.mask === undefined) return;
  const { most } = spec.detections;
  program.entry(`${name}.mask`, {
    ...sizes,
    inputs: {
      features,
      boxes: tensor(images, most, 4),
      classes: { dtype: 'int32', shape: [images * most] },
    },
    build: (io) => {
      const { boxes, classes } = io.inputs;
      const own = tf.unstack(input(boxes));
      return masking(spec, forwardIn(io), input(io.inputs.features), own, input(classes), samples);
    },
  });
}

function tensor(...shape: number[]) {
  return { dtype: 'float32', shape } as const;
}

function freeSizes({ height, width }: BatchShape): Record<string, SizeRange> {
  const both = Object.entries({ height, width });
  return Object.fromEntries(
    both.flatMap(([name, size]) => (typeof size === 'number' ? [] : [[name, size] as const])),
  );
}

function mostOf(free: Readonly<Record<string, SizeRange>>): Sizes {
  return Object.fromEntries(Object.entries(free).map(([name, { most }]) => [name, most]));
}

/** Height and width of a batch, given those that are free. */
function sizeIn(shape: BatchShape, own: Sizes): PixelSize {
  const side = (name: 'height' | 'width') => {
    const size = shape[name];
    return typeof size === 'number' ? size : (own[name] ?? Number.NaN);
  };
  return { height: side('height'), width: side('width') };
}

function inputOf(
  free: Readonly<Record<string, SizeRange>>,
  shape: (own: Sizes) => readonly number[],
): InputSpec {
  return { dtype: 'float32', shape: Object.keys(free).length === 0 ? shape({}) : shape };
}

/** What was found in one image, in pixels of the network's input, and what led to it. */
export interface Found {
  readonly proposals: Proposals;
  /** [R, classes + 1], before the softmax, and [R, 4 classes]. */
  readonly scores: Float32Array;
  readonly deltas: Float32Array;
  readonly detections: Detections;
  /** Of each detection, with a mask head: logits [14, 14, classes] and the probabilities of its class, [14, 14]. */
  readonly masks?: { readonly logits: Float32Array; readonly probabilities: Float32Array };
}

/**
 * Looks for objects in one batch.
 * @param images normalised, [N, height, width, 3]
 * @param sizes of the images without padding
 * @param padded height and width of the batch, where these are free
 */
export async function detect(
  one: Detecting,
  images: Float32Array,
  sizes: readonly ImageSize[],
  padded: Partial<PixelSize> = {},
): Promise<{ readonly found: readonly Found[]; readonly proposed: Record<string, HostArray> }> {
  const { program, name, spec, shape } = one;
  const proposed = await program.run(`${name}.propose`, { images }, padded);
  const anchors = anchorGrid(spec.anchors, ...featureSize(sizeIn(shape, { ...padded })));
  const rows = partsOf(shape.images, proposed);
  const { test } = spec.proposals;
  const chosen = sizes.map((size, i) =>
    proposals(rows('logits', i), rows('deltas', i), anchors, size, test),
  );
  const features = valuesOf(proposed, 'features');
  const boxes = filledUp(
    chosen.map((own) => own.boxes),
    test.after,
  );
  const judged = partsOf(
    shape.images,
    await program.run(`${name}.judge`, { features, boxes }, padded),
  );
  const found = sizes.map((size, i) => {
    const own = chosen[i] as Proposals;
    const count = boxCount(own.boxes);
    const part = (key: string, width: number) => judged(key, i).subarray(0, count * width);
    const width = 4 * spec.classes;
    const [probabilities, deltas] = [
      part('probabilities', spec.classes + 1),
      part('deltas', width),
    ];
    return {
      proposals: own,
      scores: part('logits', spec.classes + 1),
      deltas,
      detections: detections(probabilities, deltas, own.boxes, size, spec.detections),
    };
  });
  return { found: spec.mask ? await withMasks(one, features, found, padded) : found, proposed };
}

/** Features are pooled again, for the final boxes. */
async function withMasks(
  { program, name, spec, shape }: Detecting,
  features: Float32Array,
  found: readonly Found[],
  padded: Partial<PixelSize>,
): Promise<Found[]> {
  const { most } = spec.detections;
  const boxes = filledUp(
    found.map((one) => one.detections.boxes),
    most,
  );
  const classes = new Int32Array(shape.images * most);
  found.forEach((one, i) => {
    classes.set(one.detections.classes, i * most);
  });
  const made = partsOf(
    shape.images,
    await program.run(`${name}.mask`, { features, boxes, classes }, padded),
  );
  return found.map((one, i) => {
    const pixels = boxCount(one.detections.boxes) * maskSide(spec.pooler) ** 2;
    const logits = made('logits', i).subarray(0, pixels * spec.classes);
    return {
      ...one,
      masks: { logits, probabilities: made('probabilities', i).subarray(0, pixels) },
    };
  });
}

/** The boxes of all images, each filled up with empty ones to `count`. */
function filledUp(lists: readonly Boxes[], count: number): Float32Array {
  const out = new Float32Array(lists.length * count * 4);
  lists.forEach((boxes, i) => {
    out.set(boxes, i * count * 4);
  });
  return out;
}

function valuesOf(outputs: Record<string, HostArray>, name: string): Float32Array {
  const data = outputs[name]?.data;
  if (!(data instanceof Float32Array)) throw new Error(`detection: there is no output ${name}`);
  return data;
}

/** One image's share of an output. */
function partsOf(images: number, outputs: Record<string, HostArray>) {
  return (name: string, i: number): Float32Array => {
    const all = valuesOf(outputs, name);
    const own = all.length / images;
    return all.subarray(i * own, (i + 1) * own);
  };
}
