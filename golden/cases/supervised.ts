import { z } from 'zod';
import {
  agree,
  agreeOnBackbone,
  backboneConfig,
  classifierConfig,
  commonParameters,
  optimizerOf,
} from '../../harness/testing/parity/configs.ts';
import type { Fixture } from '../../harness/testing/parity/fixture.ts';
import { methodCase } from '../../harness/testing/parity/methods.ts';
import type { MethodSpecs } from '../../harness/testing/parity/reading.ts';
import { supervised } from '../../methods/supervised.ts';

const HyperParameters = z.strictObject({
  ...commonParameters,
  classes: z.int().positive(),
  frozen_stages: z.int().optional(),
  /** How many of the reference's tensors the case keeps: what is there is compared. */
  keep_all_step1: z.boolean().optional(),
});

const Model = z.strictObject({
  type: z.literal('Classification'),
  with_sobel: z.literal(false).default(false),
  backbone: backboneConfig,
  head: classifierConfig.extend({ with_avg_pool: z.literal(true) }),
});

/** Classifiers on the whole network, of the semi-supervised benchmark, and on a frozen backbone. */
export const supervisedCase = methodCase({
  method: supervised,
  cases: ['classification'],
  specs: supervisedSpecs,
  labels: 'gt_label',
});

function supervisedSpecs(fixture: Fixture): MethodSpecs {
  const { optimizer, ...parameters } = fixture.field('hyper_parameters', HyperParameters);
  const { backbone, head } = fixture.field('model', Model);
  agreeOnBackbone(parameters, backbone);
  agree('classes', parameters.classes, head.num_classes);
  agree('frozen_stages', parameters.frozen_stages ?? backbone.frozenStages, backbone.frozenStages);
  const { batch, size, steps } = parameters;
  return {
    method: { classes: head.num_classes },
    backbone,
    batch,
    size,
    steps,
    optimizer: optimizerOf(fixture, optimizer),
  };
}
