import fc from 'fast-check';
import { beforeAll, describe, it } from 'vitest';
import { agree, normal } from '../../testing/agree.ts';
import { startEngine } from '../index.ts';
import { type Tensor, type Tensor4D, tf } from '../tf.ts';
import { groupNorm } from './group_norm.ts';
import { groupedConv2d } from './grouped_convolution.ts';

beforeAll(startEngine);

const side = fc.integer({ min: 1, max: 5 });

describe('channels in groups, over shapes: value and gradients', () => {
  it('group norm', async () => {
    const holds = fc.asyncProperty(
      fc.record({ n: side, height: side, width: side, groups: side, each: side }),
      fc.constantFrom(1e-5, 1e-2),
      async ({ n, height, width, groups, each }, epsilon) => {
        const channels = groups * each;
        if (height * width * each < 3) return; // of one or two values hardly anything is left
        await agree({
          variables: {
            x: normal('x', n, height, width, channels),
            scale: normal('scale', channels),
            offset: normal('offset', channels),
          },
          shape: [n, height, width, channels],
          ours: ({ x, scale, offset }) =>
            groupNorm(x as Tensor, scale as Tensor, offset as Tensor, { groups, epsilon }),
          theirs: ({ x, scale, offset }) => {
            const apart = tf.reshape(x as Tensor, [n, height * width, groups, each]);
            const { mean, variance } = tf.moments(apart, [1, 3], true);
            const unit = tf.div(tf.sub(apart, mean), tf.sqrt(tf.add(variance, epsilon)));
            const whole = tf.reshape(unit, [n, height, width, channels]);
            return tf.add(tf.mul(whole, scale as Tensor), offset as Tensor);
          },
          bound: 2e-3,
        });
      },
    );
    await fc.assert(holds, { seed: 5, numRuns: 20 });
  });

  it('convolution, of few channels a group and of many', async () => {
    const holds = fc.asyncProperty(
      fc.record({ n: side, height: side, width: side }),
      fc.constantFrom(
        ...([
          [1, 3, 2],
          [2, 3, 1],
          [6, 5, 2],
          [32, 4, 4],
          [4, 40, 3],
        ] as const),
      ),
      fc.constantFrom(1, 2),
      async ({ n, height, width }, [groups, channels, own], stride) => {
        const length = (pixels: number) => Math.floor((pixels - 1) / stride) + 1;
        await agree({
          variables: {
            x: normal('x', n, height, width, groups * channels),
            w: normal('w', 3, 3, channels, groups * own),
          },
          shape: [n, length(height), length(width), groups * own],
          ours: ({ x, w }) =>
            groupedConv2d(x as Tensor, w as Tensor, groups, { padding: 1, stride }),
          theirs: ({ x, w }) => {
            const edge: [number, number] = [1, 1];
            const padded = tf.pad(x as Tensor4D, [[0, 0], edge, edge, [0, 0]]);
            const parts = Array.from({ length: groups }, (_, g) => {
              const filter = part(w as Tensor4D, g, own);
              return tf.conv2d(part(padded, g, channels), filter, stride, 'valid');
            });
            return tf.concat(parts, 3);
          },
        });
      },
    );
    await fc.assert(holds, { seed: 6, numRuns: 20 });
  });
});

/** The channels of one group. */
function part(x: Tensor4D, group: number, width: number): Tensor4D {
  const [a, b, c] = x.shape;
  return tf.slice(x, [0, 0, 0, group * width], [a, b, c, width]);
}
