import { beforeAll, describe, expect, it } from 'vitest';
import { near, normal } from '../../testing/agree.ts';
import { differentiate, evaluate, floats, type Tensors } from '../../testing/evaluate.ts';
import { startEngine } from '../index.ts';
import { toFloat } from '../precision.ts';
import { activeGraph, type Tensor, tf, unwrap } from '../tf.ts';
import { relu } from './activation.ts';
import { layered } from './layered.ts';
import { batchNormTrain } from './normalization.ts';

beforeAll(startEngine);

/** Large enough, and with a number of pixels that 8 does not divide. */
const SHAPE = [5, 51, 50, 64] as const;
const CHANNELS = SHAPE[3];
const EPSILON = 1e-5;

const variables = {
  x: normal('x', ...SHAPE),
  scale: normal('scale', CHANNELS),
  offset: normal('offset', CHANNELS),
};
const zeros = floats([CHANNELS], new Float32Array(CHANNELS));
const constants = { mean: zeros, variance: zeros };
const upstream = normal('upstream', ...SHAPE);

const part = (tensors: Tensors, name: string) => tensors[name] as Tensor;

function trained(tensors: Tensors) {
  const [x, scale, offset] = ['x', 'scale', 'offset'].map((name) => part(tensors, name));
  const state = { mean: part(tensors, 'mean'), variance: part(tensors, 'variance') };
  const options = { epsilon: EPSILON, momentum: 1 };
  return batchNormTrain(x as Tensor, scale as Tensor, offset as Tensor, state, options);
}

/** Batch norm by elementary ops, in float32. */
function elementary(tensors: Tensors): Tensor {
  const x = part(tensors, 'x');
  const centred = tf.sub(x, tf.mean(x, [0, 1, 2]));
  const variance = tf.mean(tf.square(centred), [0, 1, 2]);
  const unit = tf.div(centred, tf.sqrt(tf.add(variance, EPSILON)));
  return tf.add(tf.mul(unit, part(tensors, 'scale')), part(tensors, 'offset'));
}

describe('batch norm in layers', () => {
  it.each([
    ['fp32', 1e-5, 2e-4],
    ['bf16', 1e-2, 2e-2],
  ] as const)(
    '%s: values and gradients are those of elementary ops',
    async (precision, value, slope) => {
      const options = { precision };
      // Without ReLU, whose slope near 0 jumps with a rounding error.
      const ours = await differentiate(
        { variables, constants, apply: (tensors) => trained(tensors).value },
        upstream,
        options,
      );
      const theirs = await differentiate(
        { variables, constants, apply: elementary },
        upstream,
        options,
      );
      const { 'grad.x': x, 'grad.scale': scale, 'grad.offset': offset } = theirs;
      if (!x || !scale || !offset) throw new Error('a gradient is missing');
      near(ours, { 'grad.x': x, 'grad.scale': scale, 'grad.offset': offset }, slope);
      const inputs = { ...variables, ...constants };
      const rectified = await evaluate(
        inputs,
        (tensors) => ({ y: toFloat(relu(trained(tensors).value)) }),
        options,
      );
      const plain = await evaluate(inputs, (tensors) => ({ y: tf.relu(elementary(tensors)) }));
      near(rectified, plain, value);
    },
  );

  it('a ReLU is one kernel with it', async () => {
    const types: (string | undefined)[] = [];
    await evaluate({ ...variables, ...constants }, (tensors) => {
      const graph = activeGraph();
      const y = relu(trained(tensors).value);
      const whole = graph.maker(unwrap(y));
      const inner = whole?.inputs[0] && graph.maker(whole.inputs[0]);
      types.push(whole?.type, inner?.type, inner?.inputs[0] && graph.maker(inner.inputs[0])?.type);
      return { y };
    });
    expect(types).toEqual(['Reshape', 'Relu', 'FusedBatchNormV3']);
  });

  it('small, narrow: left as it is', async () => {
    await evaluate(
      { small: normal('x', 2, 4, 4, 64), narrow: normal('x', 1, 512, 512, 4) },
      (x) => {
        for (const tensor of Object.values(x)) expect(layered(tensor)).toBe(tensor);
        return x;
      },
    );
  });
});
