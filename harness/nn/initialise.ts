import { type HostArray, hostArray, sizeOf } from '../engine/array.ts';
import { toHWIO } from '../engine/layout.ts';
import { fillNormal, type Stream } from '../random/stream.ts';
import type { ParameterSpec } from './module.ts';

/**
 * The value a parameter or buffer starts with, in the graph's layout. Draws are made in the order of
 * the files' layout (a convolution's [O,I,H,W]) and rounded to float32 once: neither the machine nor
 * the layout of the graph changes what a file holds.
 * @param stream the parameter's own stream, keyed by its full name
 */
export function initialValue({ shape, dtype, initial }: ParameterSpec, stream: Stream): HostArray {
  const count = sizeOf(shape);
  if (dtype === 'int64') {
    if (initial.kind !== 'constant') throw new Error('initial value: an integer cannot be drawn');
    return hostArray(dtype, shape, new BigInt64Array(count).fill(BigInt(initial.value)));
  }
  const data = new Float32Array(count);
  if (initial.kind === 'constant') return hostArray(dtype, shape, data.fill(initial.value));
  if (initial.kind === 'values') data.set(initial.values);
  else fillNormal(stream, data, initial.std);
  const [height, width, inputs, outputs, ...more] = shape;
  if (outputs === undefined || more.length > 0) return hostArray(dtype, shape, data);
  return toHWIO(hostArray(dtype, [outputs, inputs ?? 0, height ?? 0, width ?? 0], data));
}

/** Normal draws with each row scaled to unit length: the start of a queue or bank, [count, width]. */
export function unitRows(stream: Stream, count: number, width: number): HostArray {
  const data = new Float32Array(count * width);
  const draws = new Float64Array(width);
  for (let row = 0; row < count; row++) {
    let squares = 0;
    for (let column = 0; column < width; column++) {
      const draw = stream.normal();
      draws[column] = draw;
      squares += draw * draw;
    }
    const length = Math.sqrt(squares);
    for (let column = 0; column < width; column++)
      data[row * width + column] = (draws[column] ?? 0) / length;
  }
  return hostArray('float32', [count, width], data);
}
