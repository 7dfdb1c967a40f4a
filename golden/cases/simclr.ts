import { z } from 'zod';
import {
  agree,
  agreeOnBackbone,
  agreeOnNeck,
  backboneConfig,
  commonParameters,
  neckConfig,
  optimizerOf,
} from '../../harness/testing/parity/configs.ts';
import type { Fixture } from '../../harness/testing/parity/fixture.ts';
import { methodCase } from '../../harness/testing/parity/methods.ts';
import type { MethodSpecs } from '../../harness/testing/parity/reading.ts';
import { simclr } from '../../methods/simclr.ts';

const HyperParameters = z.strictObject({
  ...commonParameters,
  neck: z.enum(['SimCLR', 'V1']).optional(),
  hid: z.int().positive(),
  dim: z.int().positive(),
  num_layers: z.int().positive().optional(),
  with_bias: z.boolean().optional(),
  with_last_bn: z.boolean().optional(),
  norm: z.enum(['BN', 'SyncBN']).optional(),
  temperature: z.number(),
  update_interval: z.int().positive().default(1),
});

const Model = z.strictObject({
  type: z.literal('SimCLR'),
  backbone: backboneConfig,
  neck: neckConfig,
  head: z.strictObject({ type: z.literal('ContrastiveHead'), temperature: z.number() }),
});

/** SimCLR on one rank and on several; its gradients are the reference's 1 / ranks of the true one. */
export const simclrCase = methodCase({
  method: simclr,
  specs: simclrSpecs,
  outputs: { positive: 'head.pos', negative: 'head.neg' },
});

function simclrSpecs(fixture: Fixture): MethodSpecs {
  const { optimizer, ...parameters } = fixture.field('hyper_parameters', HyperParameters);
  const { backbone, neck, head } = fixture.field('model', Model);
  const { norm } = parameters;
  agreeOnBackbone(parameters, backbone);
  agree('temperature', parameters.temperature, head.temperature);
  agreeOnNeck(parameters, neck);
  if (norm !== undefined) agree('norm', norm, backbone.norm === 'sync' ? 'SyncBN' : 'BN');
  const { batch, size, steps, update_interval: accumulate } = parameters;
  return {
    method: { neck, temperature: head.temperature },
    backbone,
    batch,
    size,
    steps,
    accumulate,
    optimizer: optimizerOf(fixture, optimizer),
    compat: { simclrGradient: 'per-replica' },
  };
}
