import { z } from 'zod';
import {
  agree,
  agreeOnBackbone,
  agreeOnHidden,
  backboneConfig,
  commonParameters,
  neckConfig,
  optimizerOf,
} from '../../harness/testing/parity/configs.ts';
import type { Fixture } from '../../harness/testing/parity/fixture.ts';
import { methodCase } from '../../harness/testing/parity/methods.ts';
import type { MethodSpecs } from '../../harness/testing/parity/reading.ts';
import { moco } from '../../methods/moco.ts';

const HyperParameters = z.strictObject({
  ...commonParameters,
  version: z.literal([1, 2]),
  hid: z.int().positive().optional(),
  dim: z.int().positive(),
  queue_len: z.int().positive(),
  momentum: z.number(),
  temperature: z.number(),
});

const Model = z.strictObject({
  type: z.literal('MOCO'),
  queue_len: z.int().positive(),
  feat_dim: z.int().positive(),
  momentum: z.number(),
  backbone: backboneConfig,
  neck: neckConfig,
  head: z.strictObject({ type: z.literal('ContrastiveHead'), temperature: z.number() }),
});

/** MoCo v1 and v2, on one rank and on several. */
export const mocoCase = methodCase({
  method: moco,
  specs: mocoSpecs,
  draws: { shuffle: 'idx_shuffle' },
  outputs: { positive: 'head.pos', negative: 'head.neg' },
});

function mocoSpecs(fixture: Fixture): MethodSpecs {
  const { optimizer, ...parameters } = fixture.field('hyper_parameters', HyperParameters);
  const model = fixture.field('model', Model);
  const { backbone, neck } = model;
  agreeOnBackbone(parameters, backbone);
  agree('queue_len', parameters.queue_len, model.queue_len);
  agree('momentum', parameters.momentum, model.momentum);
  agree('temperature', parameters.temperature, model.head.temperature);
  agree('dim', parameters.dim, model.feat_dim);
  agree('dim', parameters.dim, neck.out);
  agreeOnHidden(parameters.hid, neck);
  return {
    method: {
      neck,
      queue: model.queue_len,
      momentum: model.momentum,
      temperature: model.head.temperature,
    },
    backbone,
    batch: parameters.batch,
    size: parameters.size,
    steps: parameters.steps,
    optimizer: optimizerOf(fixture, optimizer),
  };
}
