import { type Case, integers, type Kernel, normal, wide } from './case.ts';

type Map4 = readonly [n: number, h: number, w: number, c: number];

/** Batch norms of ResNets and of heads, and one whose batch is laid out in layers. */
const NORMS: readonly Map4[] = [
  [2, 56, 56, 64],
  [4, 32, 32, 64],
  [8, 32, 32, 16],
  [2, 14, 14, 256],
  [8, 4, 4, 512],
  [4096, 8, 1, 8],
  [64, 1, 1, 256],
];

/** Training both ways; forward in one kernel with the ReLU that follows, gradient from the first pass. */
function trained(shape: Map4): Kernel {
  const channels = wide(shape[3]);
  const attrs = { epsilon: 1e-5, data_format: 'NHWC', is_training: true };
  const reserved = ['norm:3', 'norm:4', 'norm:5'];
  return {
    name: `batch norm ${shape.join('x')}`,
    inputs: {
      x: normal(...shape),
      ...{ scale: channels, offset: channels, mean: channels, variance: channels },
      dy: normal(...shape),
    },
    steps: {
      norm: {
        type: 'FusedBatchNormV3',
        of: ['x', 'scale', 'offset', 'mean', 'variance'],
        attrs: { ...attrs, exponential_avg_factor: 0.125 },
        outputs: 6,
      },
      y: { type: 'Relu', of: ['norm'] },
      slope: {
        type: 'FusedBatchNormGradV3',
        of: ['dy', 'x', 'scale', ...reserved],
        attrs,
        outputs: 3,
      },
    },
    results: ['y', 'norm:1', 'norm:2', 'slope', 'slope:1', 'slope:2'],
  };
}

/** With running statistics, as evaluations have it. */
function frozen(shape: Map4): Kernel {
  const channels = wide(shape[3]);
  return {
    name: `batch norm frozen ${shape.join('x')}`,
    inputs: {
      x: normal(...shape),
      ...{ scale: channels, offset: channels, mean: channels },
      variance: { kind: 'positive', shape: [shape[3]] },
    },
    steps: {
      y: {
        type: 'FusedBatchNormV3',
        of: ['x', 'scale', 'offset', 'mean', 'variance'],
        attrs: { epsilon: 1e-5, data_format: 'NHWC', is_training: false },
        outputs: 6,
      },
    },
    results: ['y'],
  };
}

/** The stem's pooling, and means over windows. */
function pooled(kind: 'Max' | 'Avg', [n, h, w, c]: Map4): Kernel {
  const attrs = {
    ...{ ksize: [1, 3, 3, 1], strides: [1, 2, 2, 1] },
    ...{ padding: 'VALID', data_format: 'NHWC' },
  };
  const out = (side: number) => Math.floor((side - 3) / 2) + 1;
  const [first, image]: [string[], Case['inputs']] =
    kind === 'Max' ? [['x', 'y'], {}] : [['size'], { size: integers(n, h, w, c) }];
  return {
    name: `${kind === 'Max' ? 'max' : 'average'} pool ${[n, h, w, c].join('x')}`,
    inputs: { x: normal(n, h, w, c), ...image, dy: normal(n, out(h), out(w), c) },
    steps: {
      y: { type: `${kind}Pool`, of: ['x'], attrs },
      slope: { type: `${kind}PoolGrad`, of: [...first, 'dy'], attrs },
    },
    results: ['y', 'slope'],
  };
}

/** What convolutions and products stand between, in both precisions. */
export const LAYERS: readonly Kernel[] = [
  ...NORMS.map(trained),
  frozen([4, 16, 16, 64]),
  pooled('Max', [2, 57, 57, 64]),
  pooled('Avg', [4, 17, 17, 32]),
];
