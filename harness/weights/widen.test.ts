import { describe, expect, test } from 'vitest';
import { hostArray } from '../engine/array.ts';
import { asFloat32 } from './widen.ts';

const ALL = Uint16Array.from({ length: 65536 }, (_, bits) => bits);

/** The bits of a float32, as a view of memory has them. */
function bitsOf(data: ArrayLike<number | bigint> & ArrayBufferView): Uint32Array {
  return new Uint32Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength));
}

/** What IEEE 754 says a float of some widths is worth; NaN and infinity by the largest exponent. */
function worth(bits: number, exponentBits: number, fractionBits: number): number {
  const sign = bits >>> (exponentBits + fractionBits) === 0 ? 1 : -1;
  const exponent = Math.floor(bits / 2 ** fractionBits) % 2 ** exponentBits;
  const fraction = bits % 2 ** fractionBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign / 0 : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** (1 - bias - fractionBits);
  return sign * (1 + fraction / 2 ** fractionBits) * 2 ** (exponent - bias);
}

describe.each([
  ['float16', 5, 10],
  ['bfloat16', 8, 7],
] as const)('%s', (dtype, exponentBits, fractionBits) => {
  const { value, rounded } = asFloat32(hostArray(dtype, [256, 256], ALL), 'w');

  test('each of the 65,536 values is the same number in float32, to the sign of zero', () => {
    expect(value).toMatchObject({ dtype: 'float32', shape: [256, 256] });
    expect(rounded).toBe(0);
    const wrong = [...ALL].filter(
      (bits) => !Object.is(value.data[bits], worth(bits, exponentBits, fractionBits)),
    );
    expect(wrong).toEqual([]);
  });

  test('a NaN keeps its sign and payload', () => {
    const bits = bitsOf(value.data);
    const nans = [...ALL].filter((half) => Number.isNaN(worth(half, exponentBits, fractionBits)));
    expect(nans).toHaveLength(2 * (2 ** fractionBits - 1));
    for (const half of nans) {
      const fraction = (half % 2 ** fractionBits) * 2 ** (23 - fractionBits);
      const sign = half >= 0x8000 ? 0x80000000 : 0;
      expect(bits[half]).toBe(sign + 0x7f800000 + fraction);
    }
  });
});

describe('float64', () => {
  const of = (...values: number[]) =>
    asFloat32(hostArray('float64', [values.length], Float64Array.from(values)), 'w');

  test('is rounded to the nearest float32, and counted where that changes it', () => {
    const { value, rounded } = of(0.5, -0, 0.1, 1 + 2 ** -24, 2 ** -149, 1e-60, 3.4028234e38);
    expect([...value.data]).toEqual([
      0.5,
      -0,
      Math.fround(0.1),
      1,
      2 ** -149,
      0,
      Math.fround(3.4028234e38),
    ]);
    expect(rounded).toBe(4);
  });

  test('keeps what is not finite, and refuses what no float32 can hold', () => {
    const { value, rounded } = of(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);
    expect([...value.data]).toEqual([Number.NaN, Infinity, -Infinity]);
    expect(rounded).toBe(0);
    expect(() => of(1, 1e39)).toThrow('w holds 1e+39, too large for the float32 of a network');
  });
});

test.each(['float32', 'int64', 'int32', 'uint8', 'bool'] as const)('%s stays', (dtype) => {
  const data =
    dtype === 'int64'
      ? BigInt64Array.of(1n)
      : dtype === 'float32'
        ? Float32Array.of(1)
        : dtype === 'int32'
          ? Int32Array.of(1)
          : Uint8Array.of(1);
  const array = hostArray(dtype, [1], data);
  expect(asFloat32(array, 'w').value).toBe(array);
});
