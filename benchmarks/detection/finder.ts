import type {
  Backbone,
  FeedSetup,
  FoundObject,
  ObjectFinder,
} from '../../harness/experiment/index.ts';
import { rleOfBitmap } from '../../harness/metrics/rle.ts';
import { type Box, boxAt, type ImageSize } from './boxes.ts';
import { networks } from './c4.ts';
import { restored } from './detections.ts';
import { networkPixels, paddedRange } from './feed.ts';
import { addDetecting, type Detecting, detect } from './infer.ts';
import { maskSide } from './mask_head.ts';
import type { MethodSpec } from './method_spec.ts';
import { detectorBackbone, specOf } from './network.ts';
import { pasted } from './paste_masks.ts';

const NAME = 'detect';

/** What finds objects with the trained networks: docs/reference/detection.md, section 11. */
export function finder(
  spec: MethodSpec,
  backbone: Backbone,
  { batch, size, mean, std }: Pick<FeedSetup, 'batch' | 'size' | 'mean' | 'std'>,
): ObjectFinder {
  const whole = { ...spec, backbone: detectorBackbone(specOf(backbone)) };
  const range = paddedRange(size);
  const side = maskSide(spec.pooler);
  const maskAt = (all: Float32Array, place: number, box: Box, [height, width]: ImageSize) => {
    const own = all.subarray(place * side ** 2, (place + 1) * side ** 2);
    return rleOfBitmap(height, width, pasted(own, side, box, [height, width]).data);
  };
  const shape = { images: batch, height: range, width: range };
  return {
    define: (program) => addDetecting({ program, name: NAME, spec: whole, shape }, networks(whole)),
    find: async (program, pictures) => {
      const one: Detecting = { program, name: NAME, spec: whole, shape };
      const filled = Array.from({ length: batch }, (_, i) => pictures[i] ?? pictures[0]);
      const images = filled.flatMap((entry) => (entry === undefined ? [] : [entry.picture]));
      const { pixels, ...padded } = networkPixels(images, spec, { size, mean, std });
      const sizes = images.map(({ height, width }): ImageSize => [height, width]);
      const { found } = await detect(one, pixels, sizes, padded);
      return pictures.map(({ image, picture }, i) => {
        const original: ImageSize = [image.height, image.width];
        const { detections: own, masks } = found[i] ?? {};
        if (own === undefined) throw new Error(`detection: nothing was said of picture ${i}`);
        const { places, boxes } = restored(own.boxes, [picture.height, picture.width], original);
        return Array.from(
          places,
          (place, k): FoundObject => ({
            class: own.classes[place] ?? 0,
            box: boxAt(boxes, k),
            score: own.scores[place] ?? 0,
            ...(masks && { mask: maskAt(masks.probabilities, place, boxAt(boxes, k), original) }),
          }),
        );
      });
    },
  };
}
