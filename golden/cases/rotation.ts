import { z } from 'zod';
import { type HostArray, hostArray } from '../../harness/engine/array.ts';
import { expectTurns, viewOf } from '../../harness/testing/parity/arrays.ts';
import { agreeOnBackbone, backboneConfig } from '../../harness/testing/parity/configs.ts';
import type { Fixture } from '../../harness/testing/parity/fixture.ts';
import { classifierConfig, modelFields } from '../../harness/testing/parity/heads.ts';
import { expectShape, methodCase } from '../../harness/testing/parity/methods.ts';
import type { MethodSpecs } from '../../harness/testing/parity/reading.ts';
import { prefixOf } from '../../harness/testing/parity/share.ts';
import { hyperParameters, trainingOf } from '../../harness/testing/parity/training.ts';
import { unsupported } from '../../harness/testing/parity/unsupported.ts';
import { rotation } from '../../methods/rotation.ts';

const HyperParameters = hyperParameters({});

const Model = z.strictObject({
  type: z.literal('RotationPred'),
  ...modelFields,
  backbone: backboneConfig,
  head: classifierConfig,
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
  also: ({ fixture, step, outputs, ranks }, comparisons) => {
    for (const r of ranks) {
      const rank = prefixOf(r, fixture.worldSize);
      const label = `${rank}in.step${step}.rot_label`;
      expectTurns(label, fixture.input(label), ANGLES);
      const name = `${rank}in.step${step}.img`;
      const turned = outputs.get(`${rank}step${step}.in.backbone`);
      comparisons.hold(name, turned, oneByOne(fixture.input(name)));
    }
  },
});

function rotationSpecs(fixture: Fixture): MethodSpecs {
  const parameters = fixture.field('hyper_parameters', HyperParameters);
  const { backbone, head } = fixture.field('model', Model);
  agreeOnBackbone(parameters, backbone);
  if (head.num_classes !== ANGLES)
    throw unsupported(
      `model.head.num_classes ${head.num_classes}`,
      `rotations have ${ANGLES} classes, one for each angle`,
    );
  const method = head.with_avg_pool ? {} : { flat: head.in_channels };
  return { method, backbone, ...trainingOf(fixture, parameters) };
}

/** [N, 4, C, H, W] → [4 N, C, H, W]. */
function oneByOne({ shape, data, dtype }: HostArray): HostArray {
  const [count = 0, angles = 0, ...image] = shape;
  return hostArray(dtype, [count * angles, ...image], data);
}
