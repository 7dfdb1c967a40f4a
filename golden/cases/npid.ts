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
import { npid } from '../../methods/npid.ts';

const HyperParameters = hyperParameters({
  hid: z.int().positive().optional(),
  dim: z.int().positive().optional(),
  bank: z.int().positive().optional(),
  neg_num: z.int().positive().optional(),
  ensure_neg: z.boolean().optional(),
  temperature: z.number().optional(),
  memory_momentum: z.number().optional(),
});

const Model = z.strictObject({
  type: z.literal('NPID'),
  ...modelFields,
  neg_num: z.int().positive().default(65536),
  ensure_neg: z.boolean().default(false),
  backbone: backboneConfig,
  neck: neckConfig,
  head: contrastiveConfig,
  memory_bank: z.strictObject({
    type: z.literal('SimpleMemory'),
    length: z.int().positive(),
    feat_dim: z.int().positive(),
    momentum: z.number(),
  }),
});

/** NPID, with the negatives that the reference ended up with, with `ensure_neg` and without. */
export const npidCase = methodCase({
  method: npid,
  specs: npidSpecs,
  replay: { negatives: { name: 'neg_idx', dtype: 'int32' } },
  indices: 'idx',
  outputs: { positive: 'head.pos', negative: 'head.neg' },
});

function npidSpecs(fixture: Fixture): MethodSpecs {
  const parameters = fixture.field('hyper_parameters', HyperParameters);
  const model = fixture.field('model', Model);
  const { backbone, neck, memory_bank: bank } = model;
  agreeOnBackbone(parameters, backbone);
  agree('neg_num', parameters.neg_num, model.neg_num);
  agree('ensure_neg', parameters.ensure_neg, model.ensure_neg);
  agree('temperature', parameters.temperature, model.head.temperature);
  agree('memory_momentum', parameters.memory_momentum, bank.momentum);
  agree('bank', parameters.bank, bank.length);
  agree('dim', parameters.dim, bank.feat_dim);
  agree('dim', parameters.dim, neck.out);
  agreeOnHidden(parameters.hid, neck);
  return {
    method: {
      neck,
      negatives: model.neg_num,
      ensureNeg: model.ensure_neg,
      temperature: model.head.temperature,
      memoryMomentum: bank.momentum,
    },
    backbone,
    data: { samples: bank.length, classes: undefined },
    ...trainingOf(fixture, parameters),
  };
}
