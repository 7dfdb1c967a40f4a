import { expect, test } from 'vitest';
import { type HostArray, hostArray } from '../engine/array.ts';
import { tensorDifferences, tensorDifferenceText } from './tensor_difference.ts';

const state = (value: HostArray) => ({ tensors: new Map([['w', value]]) });
const wide = (...values: number[]) =>
  state(hostArray('float32', [values.length], Float32Array.from(values)));
const half = (...bits: number[]) =>
  state(hostArray('float16', [bits.length], Uint16Array.from(bits)));

/** 1, 1.5 and -2 as float16. */
const HALVES = [0x3c00, 0x3e00, 0xc000] as const;

test('half types are compared by their values, not by their bits', () => {
  expect(tensorDifferences(half(...HALVES), half(...HALVES))).toEqual([]);
  const [found] = tensorDifferences(half(0x3c00, 0x3e00), half(0x3c00, 0xc000));
  expect(found).toMatchObject({ elements: 1, of: 2, largest: 3.5 });
});

test('another floating-point type is named, and its values are compared all the same', () => {
  const [same] = tensorDifferences(half(...HALVES), wide(1, 1.5, -2));
  expect(same).toMatchObject({ elements: 0, largest: 0, types: ['float16', 'float32'] });
  expect(tensorDifferenceText(same ?? expect.unreachable())).toBe(
    'w [3]: float16 against float32, 0 of 3 elements differ, by up to 0.00e+0, relative 0.00e+0',
  );
  const [other] = tensorDifferences(half(...HALVES), wide(1, 1.5, -2.25));
  expect(other).toMatchObject({ elements: 1, largest: 0.25 });
});

test('types without a common value, and shapes, are not compared', () => {
  const whole = state(hostArray('int32', [2], Int32Array.of(1, 2)));
  const [types] = tensorDifferences(wide(1, 2), whole);
  expect(types).toMatchObject({ largest: Number.NaN, types: ['float32', 'int32'] });
  const [shapes] = tensorDifferences(wide(1, 2), wide(1, 2, 3));
  expect(tensorDifferenceText(shapes ?? expect.unreachable())).toBe(
    'w [2]: of another shape or on one side only',
  );
});
