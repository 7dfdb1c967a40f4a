import { type Kernel, normal, single } from './case.ts';

/** [m, k] times [k, n]; which of the two are kept transposed. */
type Product = readonly [m: number, k: number, n: number, kind?: 'at' | 'bt'];

/** 1x1 convolutions and their gradients, layers of heads, similarities to a queue, long sums. */
const PRODUCTS: readonly Product[] = [
  [6272, 64, 256],
  [6272, 256, 64],
  [1568, 512, 128],
  [392, 1024, 256],
  [98, 2048, 512],
  [64, 6272, 256, 'at'],
  [256, 6272, 64, 'at'],
  [512, 392, 128, 'at'],
  [1152, 196, 128, 'at'],
  [4608, 72, 512, 'at'],
  // Filter gradients of shortcuts: one thread or all, by whether matrices and result fit into a second cache of 512K, 1M or 2M.
  [32, 2048, 64, 'at'],
  [16, 8192, 32, 'at'],
  [64, 512, 128, 'bt'],
  [16, 2048, 1000, 'bt'],
  [64, 128, 4096, 'bt'],
  [256, 64, 64, 'bt'],
  [96, 96, 96],
  [33, 17, 65],
  [7, 16384, 24],
  [48, 16384, 40, 'at'],
  [1, 1000, 1000],
  [2048, 3, 32],
];

function product([m, k, n, kind]: Product): Kernel {
  const a = kind === 'at' ? normal(k, m) : normal(m, k);
  const b = kind === 'bt' ? normal(n, k) : normal(k, n);
  const attrs = { transpose_a: kind === 'at', transpose_b: kind === 'bt' };
  const name = ['product', `${m}x${k}x${n}`, ...(kind === undefined ? [] : [kind])].join(' ');
  return single(name, 'MatMul', { a, b }, attrs);
}

/** A layer of a head: product, bias and ReLU, which TensorFlow makes one kernel of. */
const LAYER: Kernel = {
  name: 'layer 64x256x128',
  inputs: { x: normal(64, 256), w: normal(256, 128), b: normal(128) },
  steps: {
    product: { type: 'MatMul', of: ['x', 'w'] },
    sum: { type: 'BiasAdd', of: ['product', 'b'] },
    y: { type: 'Relu', of: ['sum'] },
  },
  results: ['y'],
};

export const MATRIX_PRODUCTS: readonly Kernel[] = [...PRODUCTS.map(product), LAYER];

/** Products that are made in float32 alone: many at a time. */
export const WIDE_PRODUCTS: readonly Kernel[] = [
  single('products 6x40x200x24', 'BatchMatMulV2', { a: normal(6, 40, 200), b: normal(6, 200, 24) }),
  single('products 1x7x14x900', 'BatchMatMulV2', { a: normal(1, 7, 14), b: normal(3, 14, 900) }),
];
