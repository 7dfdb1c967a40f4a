import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { agree, normal, signs } from '../../testing/agree.ts';
import { differentiate, type Tensors } from '../../testing/evaluate.ts';
import type { HostArray } from '../array.ts';
import { startEngine } from '../index.ts';
import { activeGraph, type Tensor, tf } from '../tf.ts';
import { conv2d } from './convolution.ts';
import { everyNth } from './every_nth.ts';

beforeAll(startEngine);

const few = fc.integer({ min: 1, max: 7 });
const cases = fc.record({
  shape: fc.tuple(few, few, few, few),
  stride: fc.integer({ min: 1, max: 4 }),
});

it('every nth pixel: values and gradients are those of tfjs', async () => {
  const holds = fc.asyncProperty(cases, async ({ shape, stride }) => {
    const [n, height, width, channels] = shape;
    const every = (length: number) =>
      Array.from({ length: Math.ceil(length / stride) }, (_, i) => i * stride);
    await agree({
      variables: { x: normal('x', ...shape) },
      shape: [n, Math.ceil(height / stride), Math.ceil(width / stride), channels],
      ours: ({ x }) => everyNth(x as Tensor, stride),
      theirs: ({ x }) => tf.gather(tf.gather(x as Tensor, every(height), 1), every(width), 2),
    });
  });
  await fc.assert(holds, { seed: 1, numRuns: 30 });
});

const [INPUTS, OUTPUTS] = [256, 512] as const;

/** The strided convolution of so many outputs at a time. */
function inParts(tensors: Tensors, size: number): Tensor {
  const { x, filter } = tensors as { readonly x: Tensor; readonly filter: Tensor };
  const parts = Array.from({ length: OUTPUTS / size }, (_, i) =>
    conv2d(x, tf.slice(filter, [0, 0, 0, i * size], [1, 1, INPUTS, size]), { stride: 2 }),
  );
  return tf.concat(parts, 3);
}

it.each(['fp32', 'bf16'] as const)(
  '%s: a product gives what the kernels give',
  async (precision) => {
    const variables = {
      x: signs('x', [3, 56, 56, INPUTS]),
      filter: signs('filter', [1, 1, INPUTS, OUTPUTS]),
    };
    const upstream = signs('upstream', [3, 28, 28, OUTPUTS]);
    const kernels: number[] = [];
    const of = (size: number) => {
      const apply = (tensors: Tensors) => {
        const y = inParts(tensors, size);
        kernels.push(activeGraph().nodes.filter(({ type }) => type === 'Conv2D').length);
        return y;
      };
      return differentiate({ variables, apply }, upstream, { precision });
    };
    const whole = await of(OUTPUTS);
    const parts = await of(OUTPUTS / 2);
    expect(kernels).toEqual([0, 2]);
    for (const name of ['y', 'grad.x', 'grad.filter'])
      expect(Buffer.compare(bytes(whole[name]), bytes(parts[name])), name).toBe(0);
  },
);

function bytes(array: HostArray | undefined): Uint8Array {
  if (array === undefined) throw new Error('nothing to compare');
  return new Uint8Array(array.data.buffer);
}
