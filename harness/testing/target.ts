import type { Target } from '../benchmark/definition.ts';
import { type ResNetSpec, resnetSpec } from '../nn/resnet.ts';

/** Weights that a protocol trains on top of: a ResNet-50 as torchvision has it, unless told otherwise. */
export function targetOf(
  backbone: Partial<ResNetSpec> = {},
  { sobel = false }: { readonly sobel?: boolean } = {},
): Target {
  return {
    backbone: resnetSpec.parse({ depth: 50, ...(sobel ? { channels: 2 } : {}), ...backbone }),
    sobel,
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
  };
}

/** The smallest ResNet that protocols are tried on. */
export const TINY = { depth: 18, width: 1 / 16, stem: 'cifar' } as const;
