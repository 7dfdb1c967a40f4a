import { UserError } from '../../harness/base/index.ts';
import type { Image } from '../../harness/data/images/image.ts';
import type { TrainingPicture } from '../../harness/data/objects/object_pictures.ts';
import { paddedPictures } from '../../harness/data/objects/picture.ts';
import { concatenated } from '../../harness/engine/array.ts';
import type { TensorSpec } from '../../harness/engine/program.ts';
import type { FeedSetup, PictureShape } from '../../harness/experiment/index.ts';
import { stream } from '../../harness/random/stream.ts';
import { anchorGrid } from './anchors.ts';
import { featureSize } from './infer.ts';
import { anchorsOfCell, type MethodSpec } from './method_spec.ts';
import { type AnchorTargets, drawAnchors } from './rpn.ts';

/** What a step of one replica takes, by name: pictures, what their anchors learn, and what regions are drawn with. */
export function stepInputs(
  spec: MethodSpec,
  { batch, size, most }: PictureShape,
): Readonly<Record<string, TensorSpec>> {
  const [rows, columns] = featureSize({ height: size, width: size });
  const anchors = rows * columns * anchorsOfCell(spec.anchors);
  const float = (...shape: number[]) => ({ dtype: 'float32', shape: [batch, ...shape] }) as const;
  const int = (...shape: number[]) => ({ dtype: 'int32', shape: [batch, ...shape] }) as const;
  return {
    images: float(size, size, 3),
    labels: float(anchors),
    drawn: float(anchors),
    moved: float(anchors, 4),
    deltas: float(anchors, 4),
    sizes: float(2),
    truths: float(most, 4),
    classes: int(most),
    counts: int(),
    keys: float(spec.proposals.train.after + most),
  };
}

/**
 * The same, made of pictures. Draws have streams of their own by the seed and the picture's place in the endless order, so
 * they are those of this picture in this step, whoever makes them.
 * @throws UserError for a picture with more objects than there is room for
 */
export function fedWith(spec: MethodSpec, setup: FeedSetup, pictures: readonly TrainingPicture[]) {
  const { size, most, seed } = setup;
  const grid = anchorGrid(spec.anchors, ...featureSize({ height: size, width: size }));
  const pixels = networkPixels(
    pictures.map(({ picture }) => picture),
    spec,
    setup,
  );
  const each = pictures.map(({ targets, place }) => {
    const boxes = Float32Array.from(targets.flatMap(({ box }) => box));
    return drawAnchors(boxes, grid, spec.rpn, stream(seed, 'anchors drawn', place));
  });
  const joined = (name: keyof AnchorTargets) => concatenated(each.map((one) => one[name]));
  const [truths, classes] = [
    new Float32Array(4 * most * pictures.length),
    new Int32Array(most * pictures.length),
  ];
  const keyed = spec.proposals.train.after + most;
  const keys = new Float32Array(keyed * pictures.length);
  for (const [i, { targets, place, index }] of pictures.entries()) {
    if (targets.length > most)
      throw new UserError(
        `data.objects.most: ${most}, but picture ${index} of data.train has ${targets.length} objects; raise it`,
      );
    for (const [k, { box, class: label }] of targets.entries()) {
      truths.set(box, 4 * (i * most + k));
      classes[i * most + k] = label;
    }
    const draws = stream(seed, 'regions drawn', place);
    for (let k = 0; k < keyed; k++) keys[i * keyed + k] = draws.uniform();
  }
  return {
    images: pixels,
    ...{ labels: joined('labels'), drawn: joined('drawn') },
    ...{ moved: joined('moved'), deltas: joined('deltas') },
    sizes: Float32Array.from(pictures.flatMap(({ picture }) => [picture.height, picture.width])),
    ...{ truths, classes, keys },
    counts: Int32Array.from(pictures, ({ targets }) => targets.length),
  };
}

const BYTE = 255;

/** Pictures as the network takes them, float32 [N, size, size, 3]; zeros where there is none. */
export function networkPixels(
  pictures: readonly Image[],
  { channels }: Pick<MethodSpec, 'channels'>,
  { size, mean, std }: Pick<FeedSetup, 'size' | 'mean' | 'std'>,
): Float32Array {
  const scale = { mean: inBytes(mean), std: inBytes(std) };
  const { pixels } = paddedPictures(pictures, scale, { height: size, width: size });
  if (channels === 'bgr')
    for (let at = 0; at < pixels.length; at += 3) pixels.subarray(at, at + 3).reverse();
  return pixels;
}

/** Channel means or deviations of pixels in 0..1 as those of bytes. */
function inBytes(values: readonly number[]): readonly number[] {
  return values.map((value) => BYTE * value);
}
