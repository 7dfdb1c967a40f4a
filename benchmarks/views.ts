/** The views of training images in protocols that train, and the data with them. */
import { defaultPipeline } from '../harness/benchmark/kit.ts';
import { cifar10, drawnData } from './settings.ts';

const flip = { kind: 'flip' } as const;

/** docs/reference/benchmarks.md, sections 6 and 8. */
export const croppedView = [{ kind: 'randomResizedCrop', scale: [0.08, 1] }, flip] as const;

/** docs/reference/benchmarks.md, section 5. */
export const jitteredView = [
  ...croppedView,
  { kind: 'colorJitter', brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0 },
  { kind: 'lighting', std: 0.1 },
] as const;

/** docs/reference/benchmarks.md, section 7. */
export const placesView = [
  { kind: 'resize', size: 256 },
  { kind: 'centerCrop', size: 256 },
  { kind: 'randomCrop' },
  flip,
] as const;

/** For images of 32 pixels, of which crops of a twelfth would show nothing. */
export const smallView = [{ kind: 'randomCrop', padding: 4 }, flip] as const;

/** Images that are drawn from a seed. */
export const drawnTrained = { ...drawnData(), view: smallView } as const;

/** More of them, of which a tenth is enough for a few steps. */
export const drawnMany = { ...drawnData({ train: 640 }), view: smallView } as const;

/** As Places205's, on images drawn a little larger than what is cut out of them. */
export const drawnPlaces = {
  ...drawnData({ size: 40, classes: 5 }),
  size: 32,
  pipeline: [{ kind: 'resize', size: 36 }, { kind: 'centerCrop' }],
  view: [
    { kind: 'resize', size: 36 },
    { kind: 'centerCrop', size: 36 },
    { kind: 'randomCrop' },
    flip,
  ],
} as const;

/** Each image as it is, so that its features can be computed once. */
export const cifar10Still = { ...cifar10.data, view: defaultPipeline(32) } as const;

export const cifar10Cropped = { ...cifar10.data, view: smallView } as const;
