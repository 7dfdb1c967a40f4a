import { UnsuitedWeights } from '../../harness/benchmark/kit.ts';
import type { Backbone, Model } from '../../harness/experiment/index.ts';
import type { ResNetSpec } from '../../harness/nn/resnet.ts';
import { detectorName } from '../../harness/weights/detector_file.ts';
import type { BackboneSpec } from './backbone.ts';
import { type HeadSpec, networks } from './c4.ts';

/** What a C4 detector can stand on, by the field of a ResNet's spec. */
const FITTING: Readonly<Partial<Record<keyof ResNetSpec, readonly unknown[]>>> = {
  depth: [50, 101],
  stem: ['imagenet'],
  channels: [3],
  norm: ['batch', 'sync'],
  frozenStages: [-1],
  normEval: [false],
  normEpsilon: [1e-5, undefined],
  normMomentum: [0.1, undefined],
  normAffine: [true, undefined],
  normLearns: [true, undefined],
  stages: [4, undefined],
  strides: [undefined],
  dilations: [undefined],
  level: [4, undefined],
  groups: [1, undefined],
};

/** A ResNet as the detector builds it. @throws UnsuitedWeights by the field that does not go with it */
export function detectorBackbone(spec: ResNetSpec): BackboneSpec {
  for (const [field, fitting] of Object.entries(FITTING)) {
    const found = spec[field as keyof ResNetSpec];
    if (fitting?.includes(found)) continue;
    const wanted = fitting?.map((one) => one ?? 'nothing').join(' or ');
    throw new UnsuitedWeights(
      `backbone.${field}: found ${JSON.stringify(found)}, expected ${wanted}: the detector is built on a plain ResNet of bottlenecks`,
    );
  }
  const base = 64 * spec.width;
  return {
    depth: spec.depth === 101 ? 101 : 50,
    ...{ stem: base, res2: 4 * base, inner: base },
    strideIn: spec.strideIn ?? '3x3',
    norm: spec.norm === 'sync' ? 'sync' : 'batch',
  };
}

/** The detector on a backbone; the pre-trained part of it is what the backbone has, by detectron2's names. */
export function detectorModel(spec: HeadSpec, backbone: Backbone): Model {
  const { parameters, buffers } = backbone.module;
  const names = [...parameters.keys(), ...buffers.keys()];
  return {
    networks: networks({ ...spec, backbone: detectorBackbone(specOf(backbone)) }),
    backbone: 'backbone.',
    renamed: new Map(names.map((own) => [own, detectorName(own)])),
    pretrained: 'backbone',
  };
}

export function specOf({ spec }: Backbone): ResNetSpec {
  if (spec === undefined) throw new Error('detection: a backbone that no spec describes');
  return spec;
}
