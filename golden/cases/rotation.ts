import { z } from 'zod';
import { type HostArray, hostArray } from '../../harness/engine/array.ts';
import { expectTurns, viewOf } from '../../harness/testing/parity/arrays.ts';
import {
  agreeOnBackbone,
  backboneConfig,
  classifierConfig,
  commonParameters,
  optimizerOf,
} from '../../harness/testing/parity/configs.ts';
import type { Fixture } from '../../harness/testing/parity/fixture.ts';
import { expectShape, methodCase } from '../../harness/testing/parity/methods.ts';
import type { MethodSpecs } from '../../harness/testing/parity/reading.ts';
import { rotation } from '../../methods/rotation.ts';

const HyperParameters = z.strictObject({
  ...commonParameters,
});

const Model = z.strictObject({
  type: z.literal('RotationPred'),
  backbone: backboneConfig,
  head: classifierConfig.extend({ with_avg_pool: z.literal(true), num_classes: z.literal(4) }),
});

const ANGLES = 4;

/** Rotation Prediction; its images come turned, and ours are held to them pixel by pixel. */
export const rotationCase = methodCase({
  method: rotation,
  cases: ['rotation_pred'],
  specs: rotationSpecs,
  views: (images, name, { batch, channels, size }) => {
    expectShape(name, images, [batch, ANGLES, channels, size, size]);
    return [viewOf(images, 0)];
  },
  also: ({ fixture, step, outputs }, comparisons) => {
    const ranks = fixture.worldSize;
    for (let r = 0; r < ranks; r++) {
      const rank = ranks > 1 ? `rank${r}.` : '';
      const label = `${rank}in.step${step}.rot_label`;
      expectTurns(label, fixture.input(label), ANGLES);
      const name = `${rank}in.step${step}.img`;
      const turned = outputs.get(`${rank}step${step}.in.backbone`);
      comparisons.hold(name, turned, oneByOne(fixture.input(name)));
    }
  },
});

function rotationSpecs(fixture: Fixture): MethodSpecs {
  const { optimizer, ...parameters } = fixture.field('hyper_parameters', HyperParameters);
  const { backbone } = fixture.field('model', Model);
  agreeOnBackbone(parameters, backbone);
  const { batch, size, steps } = parameters;
  return { method: {}, backbone, batch, size, steps, optimizer: optimizerOf(fixture, optimizer) };
}

/** [N, 4, C, H, W] → [4 N, C, H, W]. */
function oneByOne({ shape, data, dtype }: HostArray): HostArray {
  const [count = 0, angles = 0, ...image] = shape;
  return hostArray(dtype, [count * angles, ...image], data);
}
