import { type HostArray, hostArray, sizeOf } from '../engine/array.ts';
import type { Stream } from '../random/stream.ts';
import type { ParameterSpec } from './module.ts';

/**
 * The value a parameter or buffer starts with. Draws are rounded to float32 once, so the bits are the
 * same on every machine.
 * @param stream the parameter's own stream, keyed by its full name
 */
export function initialValue({ shape, dtype, initial }: ParameterSpec, stream: Stream): HostArray {
  const count = sizeOf(shape);
  if (dtype === 'int64') {
    if (initial.kind !== 'constant') throw new Error('initial value: an integer cannot be drawn');
    return hostArray(dtype, shape, new BigInt64Array(count).fill(BigInt(initial.value)));
  }
  const data = new Float32Array(count);
  if (initial.kind === 'constant') data.fill(initial.value);
  else for (let i = 0; i < count; i++) data[i] = stream.normal() * initial.std;
  return hostArray(dtype, shape, data);
}

/** Normal draws with each row scaled to unit length: the start of a queue or bank, [count, width]. */
export function unitRows(stream: Stream, count: number, width: number): HostArray {
  const data = new Float32Array(count * width);
  for (let row = 0; row < count; row++) {
    const draws = Float64Array.from({ length: width }, () => stream.normal());
    const length = Math.sqrt(draws.reduce((sum, x) => sum + x * x, 0));
    draws.forEach((x, column) => {
      data[row * width + column] = x / length;
    });
  }
  return hostArray('float32', [count, width], data);
}
