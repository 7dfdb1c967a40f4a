import { z } from 'zod';
import {
  agree,
  agreeOnBackbone,
  agreeOnNeck,
  agreeOnNorm,
  backboneConfig,
  neckConfig,
} from '../../harness/testing/parity/configs.ts';
import type { Fixture } from '../../harness/testing/parity/fixture.ts';
import { contrastiveConfig, modelFields } from '../../harness/testing/parity/heads.ts';
import { methodCase } from '../../harness/testing/parity/methods.ts';
import type { MethodSpecs } from '../../harness/testing/parity/reading.ts';
import { hyperParameters, trainingOf } from '../../harness/testing/parity/training.ts';
import { simclr } from '../../methods/simclr.ts';

const HyperParameters = hyperParameters({
  hid: z.int().positive().optional(),
  dim: z.int().positive().optional(),
  num_layers: z.int().positive().optional(),
  with_bias: z.boolean().optional(),
  with_last_bn: z.boolean().optional(),
  norm: z.string().optional(),
  temperature: z.number().optional(),
});

const Model = z.strictObject({
  type: z.literal('SimCLR'),
  ...modelFields,
  backbone: backboneConfig,
  neck: neckConfig,
  head: contrastiveConfig,
});

/** SimCLR on one rank and on several; its gradients are the reference's 1 / ranks of the true one. */
export const simclrCase = methodCase({
  method: simclr,
  specs: simclrSpecs,
  outputs: { positive: 'head.pos', negative: 'head.neg' },
});

function simclrSpecs(fixture: Fixture): MethodSpecs {
  const parameters = fixture.field('hyper_parameters', HyperParameters);
  const { backbone, neck, head } = fixture.field('model', Model);
  const { norm } = parameters;
  agreeOnBackbone(parameters, backbone);
  agree('temperature', parameters.temperature, head.temperature);
  agreeOnNeck(parameters, neck);
  agreeOnNorm(norm, backbone);
  return {
    method: { neck, temperature: head.temperature },
    backbone,
    ...trainingOf(fixture, parameters),
    compat: { simclrGradient: 'per-replica' },
  };
}
