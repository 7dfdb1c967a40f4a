import type { ViewSpec } from './spec.ts';

/**
 * How an image is brought to the side `size` where the experiment does not say: small ones whole, the
 * shorter side scaled to `size`; others as ImageNet's, scaled to 256 for 224 and cut in the middle.
 */
export function defaultPipeline(size: number): ViewSpec {
  const shorter = size <= 64 ? size : Math.round((size * 256) / 224);
  return [{ kind: 'resize', size: shorter, interpolation: 'bilinear' }, { kind: 'centerCrop' }];
}
