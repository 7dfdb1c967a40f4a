import { beforeAll, expect, it } from 'vitest';
import { sizeOf } from '../engine/array.ts';
import { startEngine } from '../engine/index.ts';
import { Program } from '../engine/program.ts';
import { type Tensor, tf } from '../engine/tf.ts';
import { stream } from '../random/stream.ts';
import { estimatesIn } from '../testing/compiled_ops.ts';
import { evaluate, floats } from '../testing/evaluate.ts';
import { smallBackbone } from '../testing/small_backbone.ts';
import { defineFeatures, normalised } from './features.ts';

beforeAll(startEngine);

/** torchvision's for ImageNet. */
const MEAN = [0.485, 0.456, 0.406];
const STD = [0.229, 0.224, 0.225];

it.each([8, 64, 225])('images %i pixels wide are normalised by channel', async (width) => {
  const draws = stream(1, 'pixels');
  const pixels = Float32Array.from({ length: 2 * 5 * width * 3 }, () => draws.int(0, 255));
  const { y, plain } = await evaluate({ x: floats([2, 5, width, 3], pixels) }, ({ x }) => ({
    y: normalised(x as Tensor, MEAN, STD),
    plain: tf.sub(
      tf.mul(x as Tensor, tf.tensor1d(STD.map((s) => 1 / (255 * s)))),
      tf.tensor1d(MEAN.map((m, c) => m / (STD[c] ?? 1))),
    ),
  }));
  expect(y?.shape).toEqual([2, 5, width, 3]);
  expect(y?.data).toEqual(plain?.data);
  const expected = Array.from(pixels, (p, i) => (p / 255 - (MEAN[i % 3] ?? 0)) / (STD[i % 3] ?? 1));
  Array.from(y?.data ?? [], Number).forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i] ?? Number.NaN, 5);
  });
});

// Where norms divide one by a root, TensorFlow's optimiser would put an estimate of the processor's own.
it('features are made by no estimate of the processor', async () => {
  const { module } = smallBackbone('batch', 3);
  const states = [...module.parameters, ...module.buffers];
  const program = new Program();
  try {
    for (const [name, { shape }] of states) program.state(name, { dtype: 'float32', shape });
    const normalise = { mean: MEAN, std: STD };
    const stages = [{ prefix: '', module }];
    defineFeatures(program, {
      stages,
      batch: 2,
      size: 16,
      channels: 3,
      normalise,
      precision: 'fp32',
    });
    for (const [name, { shape }] of states) {
      const data = new Float32Array(sizeOf(shape)).fill(1);
      await program.writeState(name, { dtype: 'float32', shape, data });
    }
    const nodes = await program.compiled('features', { images: new Uint8Array(2 * 16 * 16 * 3) });
    expect(nodes.filter(({ type }) => type === 'Sqrt').length).toBeGreaterThan(3);
    expect(estimatesIn(program, nodes)).toEqual([]);
  } finally {
    program.dispose();
  }
});
