import { expect, test } from 'vitest';
import { toOIHW } from '../engine/layout.ts';
import { stream } from '../random/stream.ts';
import { initialValue, unitRows } from './initialise.ts';
import type { ParameterSpec } from './module.ts';

function spec(part: Partial<ParameterSpec>): ParameterSpec {
  const initial = { kind: 'normal', std: 0.5 } as const;
  return { shape: [2, 3], initial, dtype: 'float32', role: 'linear', trainable: true, ...part };
}

test('draws follow the order of the file layout', () => {
  const expected = () => {
    const s = stream(1, 'init', 'conv1.weight');
    return Array.from({ length: 2 * 3 * 5 * 4 }, () => Math.fround(s.normal() * 0.5));
  };
  const filter = initialValue(
    spec({ shape: [5, 4, 3, 2], role: 'convolution' }),
    stream(1, 'init', 'conv1.weight'),
  );
  expect(filter.shape).toEqual([5, 4, 3, 2]);
  expect([...toOIHW(filter).data]).toEqual(expected());
  const linear = initialValue(spec({ shape: [10, 12] }), stream(1, 'init', 'conv1.weight'));
  expect([...linear.data]).toEqual(expected());
});

test('values have the deviation asked for', () => {
  const { data } = initialValue(spec({ shape: [300, 400] }), stream(2, 'init', 'w'));
  const squares = Array.from(data, Number).reduce((sum, x) => sum + x * x, 0);
  expect(Math.abs(squares / data.length / 0.25 - 1)).toBeLessThan(0.02);
});

test('constants and counters', () => {
  const initial = { kind: 'constant', value: 1 } as const;
  const scale = initialValue(spec({ shape: [4], initial, role: 'norm' }), stream(0));
  expect([...scale.data]).toEqual([1, 1, 1, 1]);
  const counter = initialValue(spec({ shape: [], initial, dtype: 'int64' }), stream(0));
  expect([...counter.data]).toEqual([1n]);
  expect(() => initialValue(spec({ dtype: 'int64' }), stream(0))).toThrow('cannot be drawn');
});

test('unit rows have length 1 and no preferred direction', () => {
  const { data, shape } = unitRows(stream(3, 'state', 'queue'), 2000, 16);
  expect(shape).toEqual([2000, 16]);
  const mean = new Float64Array(16);
  for (let row = 0; row < 2000; row++) {
    let squares = 0;
    for (let column = 0; column < 16; column++) {
      const x = Number(data[row * 16 + column]);
      squares += x * x;
      mean[column] = (mean[column] ?? 0) + x / 2000;
    }
    expect(Math.abs(squares - 1)).toBeLessThan(1e-6);
  }
  // each coordinate has variance 1/16
  for (const x of mean) expect(Math.abs(x)).toBeLessThan(4 / 4 / Math.sqrt(2000));
});

test('pinned values', () => {
  const { data } = initialValue(spec({ shape: [1, 1, 2, 2] }), stream(0, 'init', 'conv1.weight'));
  expect([...data]).toMatchInlineSnapshot(`
    [
      0.3990780711174011,
      -0.4446086287498474,
      -0.8566591143608093,
      0.1511705070734024,
    ]
  `);
});
