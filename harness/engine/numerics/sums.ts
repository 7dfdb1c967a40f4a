import { type Input, integer, integers, type Kernel, normal, single } from './case.ts';

const reduced = (type: string, shape: readonly number[], ...axes: readonly number[]): Kernel =>
  single(`${type.toLowerCase()} ${shape.join('x')} over ${axes.join(' and ')}`, type, {
    x: normal(...shape),
    axes: integers(...axes),
  });

/** Sums over one axis or all, short and long ones; they are made in float32 in every precision. */
const REDUCTIONS: readonly Kernel[] = [
  reduced('Sum', [1_000_001], 0),
  reduced('Sum', [257, 1000], 1),
  reduced('Sum', [4096, 48], 0),
  reduced('Mean', [16384, 16], 0),
  reduced('Mean', [8, 7, 7, 512], 1, 2),
  reduced('Mean', [6, 33, 130], 0, 2),
  reduced('Max', [257, 300], 1),
  reduced('Prod', [300, 9], 1),
  single('squares 300001', 'L2Loss', { x: normal(300_001) }),
  single('bias 4096x96', 'BiasAddGrad', { x: normal(4096, 96) }),
  single('bias 512x10', 'BiasAddGrad', { x: normal(512, 10) }),
];

const POSITIVE: Input = { kind: 'positive', shape: [3001] };

/** Elementary functions: Eigen's approximations, and what its vectors leave over. */
const ELEMENTARY: readonly Kernel[] = [
  ...['Exp', 'Tanh', 'Sigmoid', 'Softplus', 'Sin', 'Cos'],
  ...['Log', 'Log1p', 'Sqrt'],
].map((type) => single(type.toLowerCase(), type, { x: POSITIVE }));

const POWER: Kernel = single('power', 'Pow', { x: POSITIVE, y: normal(3001) });

const LABELS: Input = { kind: 'places', shape: [512], below: 200 };

const CROSS_ENTROPY: Kernel = {
  name: 'cross entropy 512x200',
  inputs: { logits: normal(512, 200), labels: LABELS },
  steps: {
    loss: {
      type: 'SparseSoftmaxCrossEntropyWithLogits',
      of: ['logits', 'labels'],
      outputs: 2,
    },
  },
  results: ['loss', 'loss:1'],
};

/** Rows scaled to unit length. */
const UNIT_ROWS: Kernel = {
  name: 'unit rows 64x130',
  inputs: { x: normal(64, 130), axis: integers(1) },
  steps: {
    squares: { type: 'Square', of: ['x'] },
    sums: { type: 'Sum', of: ['squares', 'axis'], attrs: { keep_dims: true } },
    length: { type: 'Sqrt', of: ['sums'] },
    y: { type: 'RealDiv', of: ['x', 'length'] },
  },
  results: ['y'],
};

/** Eigenvectors of a symmetric matrix of full rank, x'x; in float64, as principal components are. */
function eigen(size: number): Kernel {
  return {
    name: `eigenvectors ${size}`,
    inputs: { x: normal(2 * size, size) },
    steps: {
      square: { type: 'MatMul', of: ['x', 'x'], attrs: { transpose_a: true } },
      scatter: { type: 'Cast', of: ['square'], attrs: { DstT: { dtype: 'float64' } } },
      y: { type: 'SelfAdjointEigV2', of: ['scatter'], outputs: 2 },
    },
    results: ['y', 'y:1'],
  };
}

const SVD: Kernel = {
  name: 'singular values 60x40',
  inputs: { x: normal(60, 40) },
  steps: { y: { type: 'Svd', of: ['x'], attrs: { full_matrices: false }, outputs: 3 } },
  results: ['y', 'y:1', 'y:2'],
};

/** Gradients of rows taken by index, added in their order. */
const SEGMENTS: Kernel = single('rows 2048x64 to 50', 'UnsortedSegmentSum', {
  x: normal(2048, 64),
  rows: { kind: 'places', shape: [2048], below: 50 },
  count: integer(50),
});

/** What is computed in float32 whatever the precision: losses, statistics, what is judged. */
export const SUMS: readonly Kernel[] = [
  ...REDUCTIONS,
  ...ELEMENTARY,
  POWER,
  single('softmax 512x200', 'Softmax', { x: normal(512, 200) }),
  single('log softmax 64x4097', 'LogSoftmax', { x: normal(64, 4097) }),
  CROSS_ENTROPY,
  UNIT_ROWS,
  eigen(64),
  eigen(97),
  SVD,
  single('running sum', 'Cumsum', { x: normal(9, 801), axis: integer(1) }),
  SEGMENTS,
];
