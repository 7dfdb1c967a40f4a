import { beforeAll, describe, expect, it } from 'vitest';
import { type HostArray, hostArray, sizeOf } from '../../harness/engine/array.ts';
import { startEngine } from '../../harness/engine/index.ts';
import { Program } from '../../harness/engine/program.ts';
import { type Tensor, tf } from '../../harness/engine/tf.ts';
import { initialValue } from '../../harness/nn/initialise.ts';
import { stream } from '../../harness/random/stream.ts';
import { normal } from '../../harness/testing/agree.ts';
import { bindNetworks, entriesOf } from './bind.ts';
import { type DetectorSpec, networks, trainingLosses } from './c4.ts';
import { addDetecting, detect } from './infer.ts';

beforeAll(startEngine);

const top = { before: 40, after: 10, threshold: 0.7, minSize: 0 };
const tiny: DetectorSpec = {
  classes: 3,
  backbone: { depth: 50, stem: 4, res2: 8, inner: 2, strideIn: '3x3', norm: 'batch' },
  extraNorm: true,
  anchors: { sizes: [16, 32], ratios: [1], stride: 16, offset: 0 },
  rpn: { thresholds: [0.3, 0.7], count: 8, positiveFraction: 0.5 },
  proposals: { train: top, test: top },
  pooler: { output: 14, scale: 1 / 16, samplingRatio: 0, aligned: true },
  roi: { threshold: 0.5, count: 4, positiveFraction: 0.25, coderWeights: [10, 10, 5, 5] },
  mask: { channels: 4 },
  detections: { scoreThreshold: 0.05, nmsThreshold: 0.5, most: 5, coderWeights: [10, 10, 5, 5] },
};

/** The published network: docs/reference/detection.md, sections 5 and 15. */
const full = (classes: number, mask: boolean): DetectorSpec => ({
  ...tiny,
  classes,
  backbone: { ...tiny.backbone, stem: 64, res2: 256, inner: 64 },
  anchors: { ...tiny.anchors, sizes: [32, 64, 128, 256, 512], ratios: [0.5, 1, 2] },
  mask: mask ? { channels: 256 } : undefined,
});

describe('the detector', () => {
  it.each([
    [20, false, 33.2],
    [80, true, 36.0],
  ])('of %i classes has the published number of parameters', (classes, mask, millions) => {
    const parameters = entriesOf(networks(full(classes, mask)), 'parameters');
    const count = [...parameters.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    expect((count / 1e6).toFixed(1)).toBe(millions.toFixed(1));
  });

  it('has the names of detectron2', () => {
    const names = [...entriesOf(networks(tiny), 'parameters').keys()];
    for (const name of [
      'backbone.stem.conv1.norm.bias',
      'backbone.res3.0.shortcut.norm.weight',
      'backbone.res4.5.conv3.weight',
      'proposal_generator.rpn_head.anchor_deltas.bias',
      'roi_heads.res5.2.conv2.norm.weight',
      'roi_heads.res5.norm.bias',
      'roi_heads.box_predictor.cls_score.weight',
      'roi_heads.mask_head.deconv.weight',
    ])
      expect(names).toContain(name);
    expect(names.some((name) => /res2\.[12]\.shortcut|res5\.[12]\.shortcut/.test(name))).toBe(
      false,
    );
  });
});

function open(): Program {
  const program = new Program();
  for (const kind of ['parameters', 'buffers'] as const)
    for (const [name, { dtype, shape }] of entriesOf(networks(tiny), kind))
      program.state(name, { dtype, shape });
  return program;
}

async function start(program: Program): Promise<void> {
  const made = networks(tiny);
  const all = [...entriesOf(made, 'parameters'), ...entriesOf(made, 'buffers')];
  await program.writeStates(
    all.map(([name, spec]) => [name, initialValue(spec, stream(1, 'init', name))] as const),
  );
}

describe('a batch in which nothing is an object', () => {
  it('has losses of background alone, and a mask loss of 0 that moves nothing', async () => {
    const program = open();
    const cells = 4 * 5 * 2;
    const inputs: Record<string, HostArray> = {
      images: normal('images', 2, 64, 80, 3),
      boxes: hostArray('float32', [2, 4], Float32Array.of(0, 0, 40, 30, 8, 8, 8, 8)),
    };
    const watched = ['roi_heads.mask_head.deconv.weight', 'backbone.stem.conv1.weight'];
    program.entry('step', {
      inputs,
      build: (io) => {
        const names = [...entriesOf(networks(tiny), 'parameters').keys()];
        const losses: Record<string, Tensor> = {};
        const boxes = io.inputs.boxes as Tensor;
        const total = (...values: Tensor[]) => {
          const params = Object.fromEntries(names.map((name, i) => [name, values[i] as Tensor]));
          const { forward } = bindNetworks(networks(tiny), params, io, true);
          const made = trainingLosses(tiny, forward, {
            images: io.inputs.images as Tensor,
            anchors: {
              labels: tf.zeros([2, cells]),
              drawn: tf.ones([2, cells]),
              moved: tf.zeros([2, cells, 4]),
              deltas: tf.zeros([2, cells, 4]),
            },
            regions: {
              boxes: [boxes, boxes],
              classes: tf.fill([4], tiny.classes, 'int32'),
              deltas: tf.zeros([4, 4]),
              samples: 3,
            },
            masks: {
              index: tf.zeros([1], 'int32'),
              classes: tf.zeros([1], 'int32'),
              targets: tf.zeros([1, 14, 14]),
              counts: tf.zeros([1]),
            },
          });
          for (const [name, value] of Object.entries(made)) losses[name] = tf.keep(value);
          return Object.values(made).reduce((a, b) => tf.add(a, b));
        };
        const gradients = tf.grads(total as (...args: Tensor[]) => Tensor)(
          names.map((name) => io.read(name)),
        );
        const size = (name: string) => tf.max(tf.abs(gradients[names.indexOf(name)] as Tensor));
        return { ...losses, ...Object.fromEntries(watched.map((name) => [name, size(name)])) };
      },
    });
    await start(program);
    const data = Object.entries(inputs).map(([name, { data }]) => [name, data] as const);
    const found = await program.run('step', Object.fromEntries(data));
    const value = (name: string) => Number(found[name]?.data[0]);
    // Fresh logits are near 0: log 2 for each drawn anchor over those asked for, log 4 for four classes.
    expect(value('loss_rpn_cls')).toBeCloseTo((Math.LN2 * 2 * cells) / (8 * 2), 0);
    expect(value('loss_cls')).toBeCloseTo(Math.log(4), 1);
    for (const name of ['loss_rpn_loc', 'loss_box_reg', 'loss_mask']) expect(value(name)).toBe(0);
    expect(value('roi_heads.mask_head.deconv.weight')).toBe(0);
    expect(value('backbone.stem.conv1.weight')).toBeGreaterThan(0);
    expect(await program.run('step', Object.fromEntries(data))).toEqual(found);
    program.dispose();
  });
});

describe('detections', () => {
  it('lie within each image, fall by score, and have a mask each', async () => {
    const program = open();
    const shape = { images: 2, height: 64, width: 80 };
    const detecting = { program, name: 'look', spec: tiny, shape };
    addDetecting(detecting, networks(tiny));
    await start(program);
    const images = normal('pictures', 2, 64, 80, 3).data as Float32Array;
    const sizes = [
      [64, 80],
      [50, 33],
    ] as const;
    const { found } = await detect(detecting, images, sizes);
    found.forEach(({ detections, masks, proposals }, i) => {
      const [height, width] = sizes[i] ?? [0, 0];
      const { boxes, scores, classes } = detections;
      expect(scores.length).toBeGreaterThan(0);
      expect(scores.length).toBeLessThanOrEqual(5);
      expect(proposals.logits.length).toBeLessThanOrEqual(10);
      expect([...scores]).toEqual([...scores].sort((a, b) => b - a));
      for (const own of classes) expect([0, 1, 2]).toContain(own);
      for (const [k, value] of boxes.entries()) {
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThanOrEqual(k % 2 === 0 ? width : height);
      }
      expect(masks?.probabilities.length).toBe(14 * 14 * scores.length);
    });
    program.dispose();
  });
});
