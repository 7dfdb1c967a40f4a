import { z } from 'zod';
import { hostArray } from '../../harness/engine/array.ts';
import { targetMomentum } from '../../harness/optim/target_momentum.ts';
import {
  agree,
  agreeOnBackbone,
  agreeOnNeck,
  agreeOnNorm,
  backboneConfig,
  neckConfig,
} from '../../harness/testing/parity/configs.ts';
import type { Fixture } from '../../harness/testing/parity/fixture.ts';
import { latentConfig, modelFields } from '../../harness/testing/parity/heads.ts';
import { methodCase } from '../../harness/testing/parity/methods.ts';
import type { MethodSpecs } from '../../harness/testing/parity/reading.ts';
import type { ParityCase } from '../../harness/testing/parity/run.ts';
import { hyperParameters, trainingOf } from '../../harness/testing/parity/training.ts';
import { byol } from '../../methods/byol.ts';

const HyperParameters = hyperParameters({
  hid: z.int().positive().optional(),
  dim: z.int().positive().optional(),
  num_layers: z.int().positive().optional(),
  with_bias: z.boolean().optional(),
  with_last_bn: z.boolean().optional(),
  norm: z.string().optional(),
  base_momentum: z.number().optional(),
  end_momentum: z.number().default(1),
  /** Of the whole run, for the momentum. */
  max_iters: z.int().positive(),
});

const Model = z.strictObject({
  type: z.literal('BYOL'),
  ...modelFields,
  base_momentum: z.number().default(0.996),
  /** In configs of the reference, which has no use for it. */
  pre_conv: z.boolean().optional(),
  backbone: backboneConfig,
  neck: neckConfig,
  head: latentConfig,
});

const trained = methodCase({
  method: byol,
  specs: byolSpecs,
  outputs: { online_net: 'online', target_net: 'target', head: 'prediction' },
});

/** BYOL's steps, and its target momentum over whole runs. */
export const byolCases: readonly ParityCase[] = [
  trained,
  {
    methods: ['byol momentum schedule'],
    run: async (fixture, comparisons) => {
      for (const [name, run] of Object.entries(fixture.field('schedules', Schedules))) {
        const { base_momentum: base, end_momentum: end, update_interval: interval } = run;
        const count = run.epochs * run.iters_per_epoch;
        const values = Float64Array.from({ length: count }, (_, step) =>
          targetMomentum({ base, end, interval }, step, count),
        );
        comparisons.add(`momentum.${name}`, hostArray('float64', [count], values));
      }
    },
  },
];

const Schedules = z.record(
  z.string(),
  z.looseObject({
    base_momentum: z.number(),
    end_momentum: z.number().default(1),
    update_interval: z.int().positive().default(1),
    epochs: z.int().positive(),
    iters_per_epoch: z.int().positive(),
  }),
);

function byolSpecs(fixture: Fixture): MethodSpecs {
  const parameters = fixture.field('hyper_parameters', HyperParameters);
  const { backbone, neck, head, base_momentum: base } = fixture.field('model', Model);
  const { norm, end_momentum: end, max_iters: scheduled } = parameters;
  agreeOnBackbone(parameters, backbone);
  agree('base_momentum', parameters.base_momentum, base);
  agreeOnNeck(parameters, neck);
  agreeOnNorm(norm, backbone);
  const training = trainingOf(fixture, parameters);
  const schedule = { base, end, interval: training.accumulate ?? 1 };
  return {
    method: { neck, ...headOf(head), momentum: base, endMomentum: end },
    backbone,
    ...training,
    scheduled,
    host: { momentum: (step) => targetMomentum(schedule, step, scheduled) },
  };
}

function headOf(head: z.output<typeof latentConfig>) {
  if (head.type === 'LatentClsHead') return { latentClasses: head.predictor.num_classes };
  const { predictor, size_average } = head;
  return { predictor, ...(size_average ? {} : { reduction: 'sum' }) };
}
