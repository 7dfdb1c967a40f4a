import { z } from 'zod';
import { agree, agreeOnBackbone, backboneConfig } from '../../harness/testing/parity/configs.ts';
import type { Fixture } from '../../harness/testing/parity/fixture.ts';
import { classifierConfig, modelFields } from '../../harness/testing/parity/heads.ts';
import { methodCase } from '../../harness/testing/parity/methods.ts';
import type { MethodSpecs } from '../../harness/testing/parity/reading.ts';
import { hyperParameters, trainingOf } from '../../harness/testing/parity/training.ts';
import { supervised } from '../../methods/supervised.ts';

const HyperParameters = hyperParameters({
  classes: z.int().positive().optional(),
  frozen_stages: z.int().optional(),
});

const Model = z.strictObject({
  type: z.literal('Classification'),
  ...modelFields,
  with_sobel: z.boolean().default(false),
  backbone: backboneConfig,
  head: classifierConfig,
});

/** Classifiers on the whole network, of the semi-supervised benchmark, and on a frozen backbone. */
export const supervisedCase = methodCase({
  method: supervised,
  cases: ['classification'],
  specs: supervisedSpecs,
  labels: 'gt_label',
});

function supervisedSpecs(fixture: Fixture): MethodSpecs {
  const parameters = fixture.field('hyper_parameters', HyperParameters);
  const { backbone, head, with_sobel } = fixture.field('model', Model);
  agreeOnBackbone(parameters, backbone);
  agree('classes', parameters.classes, head.num_classes);
  agree('frozen_stages', parameters.frozen_stages ?? backbone.frozenStages, backbone.frozenStages);
  return {
    method: {
      classes: head.num_classes,
      ...(with_sobel ? { sobel: true } : {}),
      ...(head.with_avg_pool ? {} : { flat: head.in_channels }),
    },
    backbone,
    ...trainingOf(fixture, parameters),
  };
}
