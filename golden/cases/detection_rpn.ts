import { z } from 'zod';
import { anchorGrid } from '../../benchmarks/detection/anchors.ts';
import { bindNetworks, entriesOf } from '../../benchmarks/detection/bind.ts';
import { proposals } from '../../benchmarks/detection/proposals.ts';
import {
  type AnchorTensors,
  anchorTargets,
  matchAnchors,
  rpnForward,
  rpnHead,
  rpnLosses,
} from '../../benchmarks/detection/rpn.ts';
import { type HostArray, hostArray } from '../../harness/engine/array.ts';
import { startEngine } from '../../harness/engine/index.ts';
import { toHWIO, toOIHW, transpose4 } from '../../harness/engine/layout.ts';
import { Program } from '../../harness/engine/program.ts';
import { type Tensor, tf } from '../../harness/engine/tf.ts';
import type { Comparisons } from '../../harness/testing/parity/agreement.ts';
import { flat } from '../../harness/testing/parity/arrays.ts';
import type { Fixture } from '../../harness/testing/parity/fixture.ts';
import type { ParityCase } from '../../harness/testing/parity/run.ts';
import { anchorInputs, boxesOf, integers, sizesOf } from './detection_arrays.ts';

const count = z.int().positive();
const Top = z.object({ pre_nms: count, post_nms: count });
const Parameters = z.looseObject({
  anchor_sizes: z.array(z.number()),
  anchor_ratios: z.array(z.number()),
  stride: z.number(),
  offset: z.number(),
  iou_thresholds: z.tuple([z.number(), z.number()]),
  batch_size_per_image: count,
  positive_fraction: z.number(),
  smooth_l1_beta: z.literal(0),
  nms_threshold: z.number(),
  min_size: z.number(),
  topk: z.record(z.string(), Top),
});

/** The region proposal network on given features: head, targets, losses, gradients, proposals. */
export const detectionRpnCase: ParityCase = {
  methods: [
    'region proposal network on given features',
    'region proposal network on given features, fewer anchors than asked for',
  ],
  run: async (fixture, comparisons) => {
    await startEngine();
    const given = fixture.field('hyper_parameters', Parameters);
    const features = transpose4(fixture.input('in.features'), [0, 2, 3, 1]);
    const [images = 0, height = 0, width = 0, channels = 0] = features.shape;
    const { anchor_sizes: sizes, anchor_ratios: ratios, stride, offset } = given;
    const anchors = anchorGrid({ sizes, ratios, stride, offset }, height, width);
    const spec = {
      thresholds: given.iou_thresholds,
      count: given.batch_size_per_image,
      positiveFraction: given.positive_fraction,
    };
    const targets = Array.from({ length: images }, (_, i) => {
      const truths = boxesOf(fixture, `in.image${i}.gt_boxes`);
      const matches = matchAnchors(truths, anchors, spec);
      comparisons.add(`out.image${i}.matched_gt`, integers(matches.truth));
      comparisons.add(`out.image${i}.anchor_label`, integers(matches.label));
      const drawn = (name: string) =>
        Int32Array.from(flat(fixture.input(`rng.image${i}.${name}`).data));
      const sample = { positive: drawn('positive'), negative: drawn('negative') };
      return anchorTargets(truths, anchors, matches, sample);
    });
    const inputs = { ...anchorInputs(targets), features };
    const networks = rpnHead(channels, sizes.length * ratios.length);
    const outputs = await runHead(fixture, networks, inputs, spec);
    for (const [name, value] of Object.entries(outputs))
      comparisons.add(name, inFiles(name, value));
    const [logits, deltas] = [outputs['out.objectness_logits'], outputs['out.anchor_deltas']];
    if (logits === undefined || deltas === undefined) throw new Error('rpn: no outputs');
    const rows = anchors.length / 4;
    sizesOf(fixture, 'in.image_sizes').forEach((size, i) => {
      const own = (value: HostArray, width: number) =>
        Float32Array.from(flat(value.data)).subarray(i * rows * width, (i + 1) * rows * width);
      for (const [mode, { pre_nms: before, post_nms: after }] of Object.entries(given.topk)) {
        const top = { before, after, threshold: given.nms_threshold, minSize: given.min_size };
        const found = proposals(own(logits, 1), own(deltas, 4), anchors, size, top);
        compareProposals(comparisons, `out.${mode}.image${i}`, found);
      }
    });
  },
};

export function compareProposals(
  comparisons: Comparisons,
  name: string,
  { boxes, logits }: ReturnType<typeof proposals>,
): void {
  comparisons.add(`${name}.boxes`, hostArray('float32', [logits.length, 4], boxes));
  comparisons.add(`${name}.logits`, hostArray('float32', [logits.length], logits));
}

async function runHead(
  fixture: Fixture,
  networks: ReturnType<typeof rpnHead>,
  inputs: Readonly<Record<string, HostArray>>,
  spec: { readonly count: number; readonly positiveFraction: number },
): Promise<Record<string, HostArray>> {
  const program = new Program();
  const parameters = entriesOf(networks, 'parameters');
  const names = [...parameters.keys()];
  for (const [name, { dtype, shape }] of parameters) program.state(name, { dtype, shape });
  program.entry('step', {
    inputs,
    build: (io) => {
      const outputs: Record<string, Tensor> = {};
      const loss = (...values: Tensor[]) => {
        const [features, ...own] = values as [Tensor, ...Tensor[]];
        const params = Object.fromEntries(names.map((name, i) => [name, own[i] as Tensor]));
        const made = rpnForward(bindNetworks(networks, params, io, true).forward, features);
        const losses = rpnLosses(made, io.inputs as unknown as AnchorTensors, spec);
        outputs['out.objectness_logits'] = tf.keep(made.logits);
        outputs['out.anchor_deltas'] = tf.keep(made.deltas);
        for (const [name, value] of Object.entries(losses)) outputs[`out.${name}`] = value;
        return tf.add(losses.loss_rpn_cls, losses.loss_rpn_loc);
      };
      const variables = [io.inputs.features as Tensor, ...names.map((name) => io.read(name))];
      const gradients = tf.grads(loss as (...args: Tensor[]) => Tensor)(variables);
      ['features', ...names].forEach((name, i) => {
        outputs[i === 0 ? 'grad_wrt.features' : `grad.${name}`] = gradients[i] as Tensor;
      });
      return outputs;
    },
  });
  try {
    await program.writeStates(
      names.map((name) => {
        const value = fixture.input(`init.${name}`);
        return [name, value.shape.length === 4 ? toHWIO(value) : value] as const;
      }),
    );
    const data = Object.entries(inputs).map(([name, { data }]) => [name, data] as const);
    return await program.run('step', Object.fromEntries(data));
  } finally {
    program.dispose();
  }
}

/** Gradients of filters lie [O, I, H, W] in files, outputs [N, C, H, W]. */
export function inFiles(name: string, value: HostArray): HostArray {
  if (value.shape.length !== 4) return value;
  return /(^|\.)grad\./.test(name) ? toOIHW(value) : transpose4(value, [0, 3, 1, 2]);
}
