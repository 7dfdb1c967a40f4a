import { z } from 'zod';
import {
  agree,
  agreeOnBackbone,
  agreeOnHidden,
  backboneConfig,
  neckConfig,
} from '../../harness/testing/parity/configs.ts';
import type { Fixture } from '../../harness/testing/parity/fixture.ts';
import { classifierConfig, modelFields } from '../../harness/testing/parity/heads.ts';
import { methodCase } from '../../harness/testing/parity/methods.ts';
import type { MethodSpecs } from '../../harness/testing/parity/reading.ts';
import { hyperParameters, trainingOf } from '../../harness/testing/parity/training.ts';
import { odc } from '../../methods/odc.ts';

/** What else the reference's hook is told changes no number: it weighs by the power 0.5 whatever it is told. */
const HyperParameters = hyperParameters({
  hid: z.int().positive().optional(),
  dim: z.int().positive().optional(),
  classes: z.int().positive().optional(),
  bank: z.int().positive().optional(),
  min_cluster: z.int().positive().optional(),
  memory_momentum: z.number().optional(),
  centroids_update_interval: z.int().positive(),
  deal_with_small_clusters_interval: z.int().positive().default(1),
});

const Model = z.strictObject({
  type: z.literal('ODC'),
  ...modelFields,
  with_sobel: z.boolean().default(false),
  backbone: backboneConfig,
  neck: neckConfig,
  head: classifierConfig,
  memory_bank: z.strictObject({
    type: z.literal('ODCMemory'),
    length: z.int().positive(),
    feat_dim: z.int().positive(),
    momentum: z.number(),
    num_classes: z.int().positive(),
    min_cluster: z.int().positive(),
  }),
});

/** ODC with what its hook does after a step; clusters are split as the reference split them. */
export const odcCase = methodCase({
  method: odc,
  specs: odcSpecs,
  replay: { 'neck.drop.mask': { name: 'dropout_mask', dtype: 'float32' } },
  chosen: ([what, , n]) => `${what}${n}.part2`,
  indices: 'idx',
  aliases: { 'head.criterion.weight': 'loss_weight' },
});

function odcSpecs(fixture: Fixture): MethodSpecs {
  const parameters = fixture.field('hyper_parameters', HyperParameters);
  const model = fixture.field('model', Model);
  const { backbone, neck, memory_bank: bank } = model;
  agreeOnBackbone(parameters, backbone);
  agreeOnHidden(parameters.hid, neck);
  agree('dim', parameters.dim, neck.out);
  agree('dim', parameters.dim, bank.feat_dim);
  agree('dim', neck.out, model.head.in_channels);
  agree('classes', parameters.classes, model.head.num_classes);
  agree('classes', parameters.classes, bank.num_classes);
  agree('bank', parameters.bank, bank.length);
  agree('min_cluster', parameters.min_cluster, bank.min_cluster);
  agree('memory_momentum', parameters.memory_momentum, bank.momentum);
  return {
    method: {
      neck,
      ...(model.with_sobel ? { sobel: true } : {}),
      clusters: bank.num_classes,
      memoryMomentum: bank.momentum,
      centroidsEvery: parameters.centroids_update_interval,
      minCluster: bank.min_cluster,
      refillEvery: parameters.deal_with_small_clusters_interval,
    },
    backbone,
    data: { samples: bank.length, classes: undefined },
    ...trainingOf(fixture, parameters),
  };
}
