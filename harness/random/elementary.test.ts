import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cos, exp, log, pow, sin } from './elementary.ts';

function bits(x: number): bigint {
  return new BigInt64Array(Float64Array.of(x).buffer)[0] ?? 0n;
}

/** Distance in units of the last place; numbers of different sign are far apart unless both are 0. */
function ulps(a: number, b: number): number {
  if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return 0;
  return Math.abs(Number(bits(a) - bits(b)));
}

type Unary = (x: number) => number;

function worst(ours: Unary, theirs: Unary, from: number, to: number): number {
  const steps = 50_000;
  let most = 0;
  for (let i = 0; i <= steps; i++) {
    const x = from + ((to - from) * i) / steps;
    most = Math.max(most, ulps(ours(x), theirs(x)));
  }
  return most;
}

// Math's own functions are within 1 ulp of the truth, so 2 allows 1 for each side.
describe('within 2 ulp of Math', () => {
  test.each([
    ['log', log, Math.log, 1e-9, 2],
    ['log', log, Math.log, 2, 1e12],
    ['exp', exp, Math.exp, -1, 1],
    ['exp', exp, Math.exp, -744, 709],
    ['sin', sin, Math.sin, -7, 7],
    ['sin', sin, Math.sin, -1e6, 1e6],
    ['cos', cos, Math.cos, -7, 7],
    ['cos', cos, Math.cos, -1e6, 1e6],
  ] as const)('%s, %#', (_, ours, theirs, from, to) => {
    expect(worst(ours, theirs, from, to)).toBeLessThanOrEqual(2);
  });

  test.each([0.5, 0.9, -3.7, 2, 17.3, 120, 1e-3])('pow with exponent %f', (exponent) => {
    const ours = (x: number) => pow(x, exponent);
    expect(worst(ours, (x) => x ** exponent, 1e-2, 3)).toBeLessThanOrEqual(2);
  });

  test('over all finite positive doubles', () => {
    const positive = fc.double({ min: Number.MIN_VALUE, noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(positive, fc.double({ min: -50, max: 50, noNaN: true }), (x, y) => {
        expect(ulps(log(x), Math.log(x))).toBeLessThanOrEqual(2);
        expect(ulps(pow(x, y), x ** y)).toBeLessThanOrEqual(2);
      }),
      { seed: 1, numRuns: 5000 },
    );
  });
});

test('quarter turns, where almost all digits cancel', () => {
  expect(sin(Math.PI)).toBe(1.2246467991473532e-16);
  expect(cos(Math.PI / 2)).toBe(6.123233995736766e-17);
  expect(cos(0)).toBe(1);
  expect(Object.is(sin(-0), -0)).toBe(true);
});

test('powers with exact results', () => {
  expect(pow(0.1, 0)).toBe(1);
  expect(pow(2, 0.5)).toBe(Math.SQRT2);
  expect(pow(2, -1074)).toBe(Number.MIN_VALUE);
  expect(pow(10, 2)).toBe(100);
  expect(pow(0, 3)).toBe(0);
});

test('ends of the range', () => {
  expect(log(0)).toBe(-Infinity);
  expect(log(-1)).toBeNaN();
  expect(log(Infinity)).toBe(Infinity);
  expect(exp(710)).toBe(Infinity);
  expect(exp(-746)).toBe(0);
  expect(exp(Number.NaN)).toBeNaN();
  expect(pow(10, 400)).toBe(Infinity);
  expect(pow(10, -400)).toBe(0);
  expect(() => pow(-1, 2)).toThrow('expected a base from 0 on');
  expect(() => sin(1e7)).toThrow('expected at most 1e6');
});

test('pinned bits', () => {
  const values = [log(10), log(1e-300), exp(-0.3), sin(3), cos(100), pow(0.9, 17), pow(3, 0.25)];
  expect(values.map((x) => bits(x).toString(16))).toMatchInlineSnapshot(`
    [
      "40026bb1bbb55516",
      "-3f7a69cbb807804b",
      "3fe7b4c869c37c05",
      "3fc210386db6d55b",
      "3feb981dbf665fdf",
      "3fc558c765f29524",
      "3ff50ea39fcbf166",
    ]
  `);
});
