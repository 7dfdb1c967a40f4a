import { blur } from './blur.ts';
import { brightness, contrast, grayscale, hue, lighting, saturation, solarize } from './colour.ts';
import { flip, rotate } from './geometry.ts';
import { type Box, crop, type Image, image } from './image.ts';
import { type Interpolation, resample } from './resample.ts';

/** One change of the pixels, fully determined: what a log shows and a replay repeats. */
export type Change =
  | ({ readonly kind: 'crop' } & Box)
  | ({
      readonly kind: 'resize';
      readonly toWidth: number;
      readonly toHeight: number;
      readonly interpolation: Interpolation;
    } & Box)
  | { readonly kind: 'flip' | 'grayscale' }
  | { readonly kind: 'brightness' | 'contrast' | 'saturation'; readonly factor: number }
  | { readonly kind: 'hue'; readonly shift: number }
  | { readonly kind: 'blur'; readonly sigma: number }
  | { readonly kind: 'solarize'; readonly threshold: number }
  | { readonly kind: 'rotate'; readonly degrees: number }
  | { readonly kind: 'lighting'; readonly shift: readonly number[] };

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** The size of an image after a change. */
export function sizeAfter(change: Change, now: Size): Size {
  if (change.kind === 'crop') return change;
  return change.kind === 'resize' ? { width: change.toWidth, height: change.toHeight } : now;
}

/** The size of an image after some changes. */
export function sizeAfterAll(changes: readonly Change[], from: Size): Size {
  return changes.reduce<Size>((now, change) => sizeAfter(change, now), from);
}

/** Applies changes to a copy of an image. */
export function applyView(source: Image, changes: readonly Change[]): Image {
  let picture = source;
  const own = () => {
    if (picture === source) picture = image(source.width, source.height, source.pixels.slice());
    return picture;
  };
  for (const change of changes) {
    switch (change.kind) {
      case 'crop':
        picture = crop(picture, change);
        break;
      case 'resize':
        picture = resample(picture, change, change.toWidth, change.toHeight, change.interpolation);
        break;
      case 'blur':
        picture = blur(picture, change.sigma);
        break;
      case 'rotate':
        picture = rotate(picture, change.degrees);
        break;
      default:
        inPlace(own(), change);
    }
  }
  return picture;
}

function inPlace(
  picture: Image,
  change: Exclude<Change, { kind: 'crop' | 'resize' | 'blur' | 'rotate' }>,
): void {
  switch (change.kind) {
    case 'flip':
      flip(picture);
      break;
    case 'grayscale':
      grayscale(picture);
      break;
    case 'brightness':
      brightness(picture, change.factor);
      break;
    case 'contrast':
      contrast(picture, change.factor);
      break;
    case 'saturation':
      saturation(picture, change.factor);
      break;
    case 'hue':
      hue(picture, change.shift);
      break;
    case 'solarize':
      solarize(picture, change.threshold);
      break;
    case 'lighting':
      lighting(picture, change.shift);
      break;
  }
}
