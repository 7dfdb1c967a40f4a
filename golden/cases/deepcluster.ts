import { z } from 'zod';
import { UserError } from '../../harness/base/errors.ts';
import { lossWeights, sizesOf } from '../../harness/clustering/labels.ts';
import { type HostArray, hostArray } from '../../harness/engine/array.ts';
import {
  agree,
  agreeOnBackbone,
  agreeOnHidden,
  averageNeckConfig,
  backboneConfig,
  neckConfig,
} from '../../harness/testing/parity/configs.ts';
import type { Fixture } from '../../harness/testing/parity/fixture.ts';
import { classifierConfig, modelFields } from '../../harness/testing/parity/heads.ts';
import { methodCase } from '../../harness/testing/parity/methods.ts';
import type { MethodSpecs } from '../../harness/testing/parity/reading.ts';
import { hyperParameters, trainingOf } from '../../harness/testing/parity/training.ts';
import { deepcluster } from '../../methods/deepcluster.ts';

const size = z.int().positive();
const HyperParameters = hyperParameters({
  classes: size,
  bank: size,
  sobel: z.boolean().optional(),
  hid: size.optional(),
  neck_dim: size.optional(),
  reweight: z.boolean().default(true),
  reweight_pow: z.number().nonnegative().default(0),
});

const Model = z.strictObject({
  type: z.literal('DeepCluster'),
  ...modelFields,
  with_sobel: z.boolean().default(false),
  backbone: backboneConfig,
  neck: z.union([averageNeckConfig, neckConfig]),
  head: classifierConfig,
});

const replay = { 'neck.drop.mask': { name: 'dropout_mask', dtype: 'float32' } } as const;
const reading = {
  method: deepcluster,
  specs: deepclusterSpecs,
  indices: 'idx',
  given: (fixture: Fixture, step: number) => ({ pseudo_label: labelsAt(fixture, step) }),
};
const aliases = { 'head.criterion.weight': 'loss_weight' };

/** A step of DeepCluster, with the clusters that the case has. */
export const deepclusterCase: ReturnType<typeof methodCase> = {
  methods: ['deepcluster'],
  run: async (fixture, comparisons, share) => {
    const power = powerOf(fixture.field('hyper_parameters', HyperParameters));
    const drops = fixture.inputs.includes('rng.step1.dropout_mask');
    const own = methodCase({
      ...reading,
      ...(drops ? { replay } : {}),
      ...(isWeighted(fixture, power) ? { aliases } : {}),
    });
    if (power > 0) checkWeights(fixture, power);
    await own.run(fixture, comparisons, share);
  },
};

function deepclusterSpecs(fixture: Fixture): MethodSpecs {
  const parameters = fixture.field('hyper_parameters', HyperParameters);
  const model = fixture.field('model', Model);
  const { backbone, neck, head } = model;
  agreeOnBackbone(parameters, backbone);
  agree('sobel', parameters.sobel, model.with_sobel);
  agree('classes', parameters.classes, head.num_classes);
  if (neck !== null) agree('neck_dim', parameters.neck_dim ?? neck.out, head.in_channels);
  agreeOnHidden(parameters.hid, neck);
  return {
    method: {
      sobel: model.with_sobel,
      neck,
      clusters: head.num_classes,
      pca: null,
      // Weights that no power has made are given, whatever the power.
      weightPower: powerOf(parameters) || Number(isWeighted(fixture, 0)),
    },
    backbone,
    data: { samples: parameters.bank, classes: undefined },
    ...trainingOf(fixture, parameters),
  };
}

/** Of the weights of classes; 0 where they are all the same. */
function powerOf(parameters: z.output<typeof HyperParameters>): number {
  return parameters.reweight ? parameters.reweight_pow : 0;
}

function isWeighted({ inputs }: Fixture, power: number): boolean {
  return power > 0 || inputs.includes('init.loss_weight');
}

/** The cluster of every sample: the case's list, and for the images of a step what the step says. */
function labelsAt(fixture: Fixture, step: number): HostArray {
  const { bank, classes } = fixture.field('hyper_parameters', HyperParameters);
  const labels = new Int32Array(bank);
  if (fixture.inputs.includes('in.labels')) labels.set(integers(fixture, 'in.labels', classes));
  const prefixes = Array.from({ length: fixture.worldSize }, (_, rank) =>
    fixture.worldSize > 1 ? `rank${rank}.` : '',
  );
  for (const prefix of prefixes) {
    const places = integers(fixture, `${prefix}in.step${step}.idx`, bank);
    const own = integers(fixture, `${prefix}in.step${step}.pseudo_label`, classes);
    for (const [i, place] of places.entries()) labels[place] = own[i] ?? 0;
  }
  return hostArray('int32', [bank], labels);
}

function integers(fixture: Fixture, name: string, below: number): Int32Array {
  const values = Int32Array.from(fixture.input(name).data, Number);
  const strange = values.find((value) => value < 0 || value >= below);
  if (strange !== undefined)
    throw new UserError(`${name}: found ${strange}, expected 0 to ${below - 1}`);
  return values;
}

/** The reference's weights of classes follow from its labels. */
function checkWeights(fixture: Fixture, power: number): void {
  if (!fixture.inputs.includes('in.labels')) return;
  const { classes } = fixture.field('hyper_parameters', HyperParameters);
  const ours = lossWeights(sizesOf(integers(fixture, 'in.labels', classes), classes), power, 1e-10);
  const theirs = Array.from(fixture.input('init.loss_weight').data, Number);
  const apart = theirs.findIndex((x, i) => !(Math.abs(x - (ours[i] ?? 0)) <= 1e-5 * x));
  if (apart >= 0 || theirs.length !== ours.length)
    throw new UserError(
      `init.loss_weight: ${theirs[apart]} for class ${apart}, computed from in.labels ${ours[apart]}`,
    );
}
