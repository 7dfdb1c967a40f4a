import { integers, type Kernel, normal, single } from './case.ts';

/** A convolution: square images [n, side, side, c], filters [taps, taps, c, o]. */
interface Shape {
  readonly n: number;
  readonly side: number;
  readonly c: number;
  readonly o: number;
  readonly taps: number;
  readonly stride: number;
  /** The image's own gradient, which the first layer has no use for. */
  readonly stem?: boolean;
}

const three = (n: number, side: number, c: number, o = c, stride = 1): Shape => ({
  ...{ n, side, c, o, stride },
  taps: 3,
});

/**
 * Those of ResNets at 224 and at 32 pixels, and of the narrow ones that small experiments have. 1x1 filters are
 * matrix products here, but for strided ones that do not pay as such. Groups are put together into dense ones.
 */
const SHAPES: readonly Shape[] = [
  { n: 2, side: 224, c: 3, o: 64, taps: 7, stride: 2, stem: true },
  three(2, 56, 64),
  three(2, 28, 128),
  three(3, 14, 256),
  three(3, 7, 512),
  three(1, 56, 128, 128, 2),
  three(2, 28, 256, 256, 2),
  three(3, 14, 512, 512, 2),
  { n: 2, side: 28, c: 512, o: 256, taps: 1, stride: 2 },
  { n: 4, side: 32, c: 3, o: 64, taps: 3, stride: 1, stem: true },
  three(4, 32, 64),
  three(4, 32, 64, 128, 2),
  three(4, 16, 128),
  three(4, 16, 128, 256, 2),
  three(8, 8, 256),
  three(8, 4, 512),
  { n: 8, side: 32, c: 3, o: 16, taps: 3, stride: 1, stem: true },
  three(8, 32, 8),
  three(8, 32, 16),
  three(8, 32, 16, 32, 2),
  three(8, 16, 32),
  three(16, 8, 64),
  { n: 8, side: 32, c: 16, o: 32, taps: 1, stride: 2 },
];

/** Forward, gradient of the image and gradient of the filter of each shape. */
export const CONVOLUTIONS: readonly Kernel[] = SHAPES.flatMap((shape) => kernels(shape));

function kernels({ n, side, c, o, taps, stride, stem = false }: Shape): Kernel[] {
  // As layers here do it: a strided one has its zeros added by an op of their own.
  const same = stride === 1;
  const size = same || taps === 1 ? side : side + taps - 1;
  const out = same ? side : Math.floor((size - taps) / stride) + 1;
  const attrs = {
    strides: [1, stride, stride, 1],
    padding: same ? 'SAME' : 'VALID',
    data_format: 'NHWC',
  };
  const image = [n, size, size, c] as const;
  const filter = [taps, taps, c, o] as const;
  const dy = normal(n, out, out, o);
  const name = `conv ${taps}x${taps}/${stride} ${n}x${side}x${side}x${c}>${o}`;
  const forward = single(name, 'Conv2D', { x: normal(...image), w: normal(...filter) }, attrs);
  const ofFilter = single(
    `${name} filter`,
    'Conv2DBackpropFilter',
    { x: normal(...image), size: integers(...filter), dy },
    attrs,
  );
  const ofImage = single(
    `${name} image`,
    'Conv2DBackpropInput',
    { size: integers(...image), w: normal(...filter), dy },
    attrs,
  );
  return [
    forward,
    ...(stem ? [] : [ofImage]),
    ...(taps === 1 ? [] : [ofFilter]), // that is a product, as oneDNN's writes past its memory
  ];
}
