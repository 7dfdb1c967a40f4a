import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytesOf, type DType, hostArray, itemBytes, sizeOf, typedView } from './array.ts';
import { toHWIO, toOIHW, transpose4 } from './layout.ts';

test('element [o,i,h,w] of a file lies at [h,w,i,o] of the graph', () => {
  const [O, I, H, W] = [2, 3, 4, 5];
  const data = Float32Array.from({ length: O * I * H * W }, (_, i) => i);
  const graph = toHWIO(hostArray('float32', [O, I, H, W], data));
  expect(graph.shape).toEqual([H, W, I, O]);
  const at = (h: number, w: number, i: number, o: number) =>
    graph.data[((h * W + w) * I + i) * O + o];
  for (let n = 0; n < data.length; n++) {
    const [o, i] = [Math.floor(n / (I * H * W)), Math.floor(n / (H * W)) % I];
    expect(at(Math.floor(n / W) % H, n % W, i, o)).toBe(n);
  }
});

test('there and back keeps every bit of every type', () => {
  const dtypes: DType[] = ['float32', 'float64', 'int64', 'bfloat16', 'bool'];
  const shapes = fc.array(fc.nat(4), { minLength: 4, maxLength: 4 });
  fc.assert(
    fc.property(fc.constantFrom(...dtypes), shapes, fc.nat(255), (dtype, shape, seed) => {
      const bytes = new Uint8Array(sizeOf(shape) * itemBytes(dtype)).map((_, i) => i * 97 + seed);
      const array = hostArray(dtype, shape, typedView(dtype, bytes.buffer, 0, sizeOf(shape)));
      const back = toOIHW(toHWIO(array));
      expect(back.shape).toEqual(array.shape);
      expect(bytesOf(back.data)).toEqual(bytesOf(array.data));
    }),
    { seed: 5 },
  );
});

test('a tensor of another rank is refused', () => {
  const linear = hostArray('float32', [2, 3], new Float32Array(6));
  expect(() => transpose4(linear, [0, 1, 2, 3])).toThrow('four axes');
});
