import type { HostArray } from '../engine/array.ts';

/**
 * The ops in plain loops and float64, written from their definitions: slow, and so exact that
 * differences of their values give gradients to nine digits.
 */

/** A dense row-major array. */
export interface Plain {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** The same values in float64. */
export function plain({ shape, data }: HostArray): Plain {
  return { shape, data: Float64Array.from(data as ArrayLike<number>) };
}

function blank(...shape: number[]): Plain {
  return { shape, data: new Float64Array(shape.reduce((a, b) => a * b, 1)) };
}

/** Calls back with every index of a shape, and its place. */
function everywhere(shape: readonly number[], body: (at: number, index: number[]) => void): void {
  const index = shape.map(() => 0);
  const count = shape.reduce((a, b) => a * b, 1);
  for (let at = 0; at < count; at++) {
    body(at, index);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = (index[axis] ?? 0) + 1;
      if ((index[axis] ?? 0) < (shape[axis] ?? 0)) break;
      index[axis] = 0;
    }
  }
}

interface Window {
  readonly size: readonly [number, number];
  readonly stride: number;
  readonly padding: readonly [number, number];
  readonly dilation?: number;
}

/** Values of an image under each window, as `reduce` sees them: undefined is padding. */
function overWindows(
  x: Plain,
  { size, stride, padding, dilation = 1 }: Window,
  outputs: number,
  reduce: (
    pixel: (row: number, column: number, c: number) => number | undefined,
    o: number,
  ) => number,
): Plain {
  const [n = 0, height = 0, width = 0, channels = 0] = x.shape;
  const count = (pixels: number, axis: 0 | 1) =>
    Math.floor((pixels + 2 * padding[axis] - dilation * (size[axis] - 1) - 1) / stride) + 1;
  const y = blank(n, count(height, 0), count(width, 1), outputs);
  everywhere(y.shape, (at, [image = 0, i = 0, j = 0, o = 0]) => {
    const pixel = (row: number, column: number, c: number) => {
      const r = i * stride + row * dilation - padding[0];
      const s = j * stride + column * dilation - padding[1];
      if (r < 0 || r >= height || s < 0 || s >= width) return undefined;
      return x.data[((image * height + r) * width + s) * channels + c];
    };
    y.data[at] = reduce(pixel, o);
  });
  return y;
}

/** Cross-correlation. @param x [N, H, W, C] @param filter [kh, kw, C, O] */
export function plainConv2d(x: Plain, filter: Plain, options: Omit<Window, 'size'>): Plain {
  const [kh = 0, kw = 0, channels = 0, outputs = 0] = filter.shape;
  return overWindows(x, { ...options, size: [kh, kw] }, outputs, (pixel, o) => {
    let sum = 0;
    for (let r = 0; r < kh; r++)
      for (let s = 0; s < kw; s++)
        for (let c = 0; c < channels; c++)
          sum +=
            (pixel(r, s, c) ?? 0) * (filter.data[((r * kw + s) * channels + c) * outputs + o] ?? 0);
    return sum;
  });
}

/** Square windows: maximum over the pixels, or mean with zeros of the padding. */
export function plainPool(
  kind: 'max' | 'average',
  x: Plain,
  {
    size,
    stride,
    padding,
  }: { readonly size: number; readonly stride: number; readonly padding: number },
): Plain {
  const window: Window = { size: [size, size], stride, padding: [padding, padding] };
  return overWindows(x, window, x.shape[3] ?? 0, (pixel, c) => {
    const seen: number[] = [];
    for (let r = 0; r < size; r++)
      for (let s = 0; s < size; s++) {
        const value = pixel(r, s, c);
        if (value !== undefined) seen.push(value);
      }
    if (kind === 'max') return Math.max(...seen);
    return seen.reduce((a, b) => a + b, 0) / size ** 2;
  });
}

/** Mean over all but the first and last axis: [N, …, C] → [N, C]. */
export function plainGlobalMean(x: Plain): Plain {
  const [n = 0] = x.shape;
  const channels = x.shape.at(-1) ?? 0;
  const pixels = x.data.length / (n * channels);
  const y = blank(n, channels);
  x.data.forEach((value, at) => {
    const image = Math.floor(at / (pixels * channels));
    const to = image * channels + (at % channels);
    y.data[to] = (y.data[to] ?? 0) + value / pixels;
  });
  return y;
}

/** x W' + b. @param x [N, I] @param weight [O, I] @param bias [O] */
export function plainLinear(x: Plain, weight: Plain, bias: Plain): Plain {
  const [n = 0, inputs = 0] = x.shape;
  const [outputs = 0] = weight.shape;
  const y = blank(n, outputs);
  everywhere(y.shape, (at, [row = 0, o = 0]) => {
    let sum = bias.data[o] ?? 0;
    for (let i = 0; i < inputs; i++)
      sum += (x.data[row * inputs + i] ?? 0) * (weight.data[o * inputs + i] ?? 0);
    y.data[at] = sum;
  });
  return y;
}

export interface PlainStatistics {
  readonly mean: Plain;
  readonly variance: Plain;
}

/** Mean and biased variance of each channel, the last axis. */
export function plainStatistics(x: Plain): PlainStatistics {
  const channels = x.shape.at(-1) ?? 0;
  const count = x.data.length / channels;
  const mean = blank(channels);
  const variance = blank(channels);
  x.data.forEach((value, at) => {
    mean.data[at % channels] = (mean.data[at % channels] ?? 0) + value / count;
  });
  x.data.forEach((value, at) => {
    const c = at % channels;
    variance.data[c] = (variance.data[c] ?? 0) + (value - (mean.data[c] ?? 0)) ** 2 / count;
  });
  return { mean, variance };
}

/** (x - mean) / sqrt(variance + epsilon) * scale + offset, by channel. */
export function plainNormalise(
  x: Plain,
  scale: Plain,
  offset: Plain,
  { mean, variance }: PlainStatistics,
  epsilon: number,
): Plain {
  const channels = x.shape.at(-1) ?? 0;
  const data = x.data.map((value, at) => {
    const c = at % channels;
    const unit = (value - (mean.data[c] ?? 0)) / Math.sqrt((variance.data[c] ?? 0) + epsilon);
    return unit * (scale.data[c] ?? 0) + (offset.data[c] ?? 0);
  });
  return { shape: x.shape, data };
}

/** Each row divided by the larger of its length and epsilon. @param x [N, D] */
export function plainL2Normalize(x: Plain, epsilon: number): Plain {
  const [n = 0, width = 0] = x.shape;
  const lengths = Array.from({ length: n }, (_, row) =>
    Math.sqrt(x.data.slice(row * width, (row + 1) * width).reduce((sum, v) => sum + v * v, 0)),
  );
  const data = x.data.map(
    (value, at) => value / Math.max(lengths[Math.floor(at / width)] ?? 0, epsilon),
  );
  return { shape: x.shape, data };
}

/** -log softmax(logits)[target] of each row. @param logits [N, C] */
export function plainCrossEntropy(logits: Plain, targets: readonly number[]): Plain {
  const [n = 0, classes = 0] = logits.shape;
  const y = blank(n);
  for (let row = 0; row < n; row++) {
    const values = logits.data.slice(row * classes, (row + 1) * classes);
    const most = Math.max(...values);
    const sum = values.reduce((total, value) => total + Math.exp(value - most), 0);
    y.data[row] = most + Math.log(sum) - (values[targets[row] ?? 0] ?? 0);
  }
  return y;
}

/** f of every value. */
export function plainMap(x: Plain, f: (value: number, at: number) => number): Plain {
  return { shape: x.shape, data: x.data.map(f) };
}

/**
 * Gradients of <f, upstream> by central differences, (L(v + e) - L(v - e)) / 2e, in float64. With
 * e = 1e-5 the error is about 1e-10 of the third derivative, and 1e-11 from rounding.
 */
export function centralDifferences(
  variables: Readonly<Record<string, Plain>>,
  f: (variables: Readonly<Record<string, Plain>>) => Plain,
  upstream: Plain,
): Record<string, Plain> {
  const e = 1e-5;
  const loss = (name: string, moved: Plain) =>
    f({ ...variables, [name]: moved }).data.reduce(
      (sum, y, at) => sum + y * (upstream.data[at] ?? 0),
      0,
    );
  return Object.fromEntries(
    Object.entries(variables).map(([name, variable]) => {
      const slope = plainMap(variable, (value, at) => {
        const moved = (by: number) => ({
          shape: variable.shape,
          data: variable.data.with(at, value + by),
        });
        return (loss(name, moved(e)) - loss(name, moved(-e))) / (2 * e);
      });
      return [name, slope];
    }),
  );
}
