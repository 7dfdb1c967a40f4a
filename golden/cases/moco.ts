import { z } from 'zod';
import {
  agree,
  agreeOnBackbone,
  agreeOnHidden,
  backboneConfig,
  neckConfig,
} from '../../harness/testing/parity/configs.ts';
import type { Fixture } from '../../harness/testing/parity/fixture.ts';
import { contrastiveConfig, modelFields } from '../../harness/testing/parity/heads.ts';
import { methodCase } from '../../harness/testing/parity/methods.ts';
import type { MethodSpecs } from '../../harness/testing/parity/reading.ts';
import { hyperParameters, trainingOf } from '../../harness/testing/parity/training.ts';
import { moco } from '../../methods/moco.ts';

const HyperParameters = hyperParameters({
  hid: z.int().positive().optional(),
  dim: z.int().positive().optional(),
  queue_len: z.int().positive().optional(),
  momentum: z.number().optional(),
  temperature: z.number().optional(),
});

const Model = z.strictObject({
  type: z.literal('MOCO'),
  ...modelFields,
  queue_len: z.int().positive().default(65536),
  feat_dim: z.int().positive().default(128),
  momentum: z.number().default(0.999),
  backbone: backboneConfig,
  neck: neckConfig,
  head: contrastiveConfig,
});

/** MoCo v1 and v2, on one rank and on several. */
export const mocoCase = methodCase({
  method: moco,
  specs: mocoSpecs,
  draws: { shuffle: 'idx_shuffle' },
  outputs: { positive: 'head.pos', negative: 'head.neg' },
});

function mocoSpecs(fixture: Fixture): MethodSpecs {
  const parameters = fixture.field('hyper_parameters', HyperParameters);
  const model = fixture.field('model', Model);
  const { backbone, neck } = model;
  agreeOnBackbone(parameters, backbone);
  agree('queue_len', parameters.queue_len, model.queue_len);
  agree('momentum', parameters.momentum, model.momentum);
  agree('temperature', parameters.temperature, model.head.temperature);
  agree('dim', parameters.dim, model.feat_dim);
  agree('feat_dim', model.feat_dim, neck.out);
  agreeOnHidden(parameters.hid, neck);
  return {
    method: {
      neck,
      queue: model.queue_len,
      momentum: model.momentum,
      temperature: model.head.temperature,
    },
    backbone,
    ...trainingOf(fixture, parameters),
  };
}
