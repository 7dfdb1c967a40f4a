import { expect, test } from 'vitest';
import { fillNormal, type Stream, stream } from './stream.ts';

function draws(from: Stream, count: number): number[] {
  return Array.from({ length: count }, () => from.uniform());
}

/** Chi-square of counts against equal expectation, over its degrees of freedom. */
function unevenness(counts: ArrayLike<number>): number {
  const list = Array.from(counts);
  const mean = list.reduce((a, b) => a + b, 0) / list.length;
  return list.reduce((sum, n) => sum + (n - mean) ** 2 / mean, 0) / (list.length - 1);
}

test('pinned values', () => {
  const s = stream(0, 'pin');
  expect([s.uniform(), s.uniform(), s.int(0, 1e6), s.int(-5, 2 ** 40)]).toMatchInlineSnapshot(`
    [
      0.6908897628676063,
      0.48369671054480146,
      23948,
      965787417432,
    ]
  `);
  expect([s.normal(), s.normal(), s.normal()]).toMatchInlineSnapshot(`
    [
      -1.250643720392888,
      0.4518124573135985,
      1.8327883665411302,
    ]
  `);
  expect([...s.permutation(8)]).toMatchInlineSnapshot(`
    [
      4,
      3,
      6,
      5,
      0,
      1,
      2,
      7,
    ]
  `);
});

test('same key, same numbers; any other key, others', () => {
  const keys = [
    ['a', 'bc'],
    ['ab', 'c'],
    ['abc'],
    ['a,bc'],
    ['a', 'b', 'c'],
    ['a', 1],
    ['a', '1'],
    ['a', 10],
    ['a', 1, 0],
    [],
  ];
  const firsts = keys.flatMap((key) => [0, 1].map((seed) => draws(stream(seed, ...key), 4).join()));
  expect(new Set(firsts).size).toBe(2 * keys.length);
  expect(draws(stream(7, 'x', 3), 100)).toEqual(draws(stream(7, 'x', 3), 100));
});

test('refuses numbers that cannot name a stream', () => {
  expect(() => stream(0.5)).toThrow('0.5 is not a safe integer');
  expect(() => stream(0, 'epoch', Number.NaN)).toThrow('NaN is not a safe integer');
});

test('uniform: [0, 1), 53 bits, even, within a stream and over neighbouring streams', () => {
  const s = stream(1, 'uniform');
  const within = new Int32Array(64);
  const across = new Int32Array(64);
  const low = new Int32Array(2);
  for (let i = 0; i < 64_000; i++) {
    const x = s.uniform();
    expect(x >= 0 && x < 1 && Number.isInteger(x * 2 ** 53)).toBe(true);
    within[Math.floor(x * 64)] = (within[Math.floor(x * 64)] ?? 0) + 1;
    low[(x * 2 ** 53) % 2] = (low[(x * 2 ** 53) % 2] ?? 0) + 1;
    if (i >= 20_000) continue;
    const bin = Math.floor(stream(1, 'augment', 3, i).uniform() * 64);
    across[bin] = (across[bin] ?? 0) + 1;
  }
  // 64 bins: chi-square over 63 degrees has a deviation of 0.18
  for (const counts of [within, across]) {
    expect(unevenness(counts)).toBeGreaterThan(0.4);
    expect(unevenness(counts)).toBeLessThan(1.7);
  }
  expect(unevenness(low)).toBeLessThan(10);
});

test('streams of neighbouring samples are uncorrelated', () => {
  const n = 20_000;
  let sum = 0;
  for (let i = 0; i < n; i++) {
    const a = stream(1, 'augment', 0, i, 0).uniform() - 0.5;
    const b = stream(1, 'augment', 0, i, 1).uniform() - 0.5;
    sum += 12 * a * b;
  }
  expect(Math.abs(sum / Math.sqrt(n))).toBeLessThan(4);
});

test('int: both ends, even, also where the range does not divide 2^32', () => {
  const s = stream(2, 'int');
  const counts = new Int32Array(6);
  for (let i = 0; i < 60_000; i++) {
    const x = s.int(-2, 3);
    counts[x + 2] = (counts[x + 2] ?? 0) + 1;
  }
  expect(unevenness(counts)).toBeLessThan(4);
  expect(s.int(5, 5)).toBe(5);
  // three quarters of 2^32: folding without rejection would favour the lower third two to one
  const third = 2 ** 30;
  const thirds = new Int32Array(3);
  for (let i = 0; i < 30_000; i++) {
    const at = Math.floor(s.int(0, 3 * third - 1) / third);
    thirds[at] = (thirds[at] ?? 0) + 1;
  }
  expect(unevenness(thirds)).toBeLessThan(8);
  for (let i = 0; i < 100; i++) expect(s.int(0, 2 ** 52) % 1).toBe(0);
  expect(() => s.int(1, 0)).toThrow('low <= high');
  expect(() => s.int(0.5, 3)).toThrow('safe integers');
});

test('normal: moments, tails and independence of pairs', () => {
  const n = 400_000;
  const data = fillNormal(stream(3, 'normal'), new Float32Array(n), 1);
  const mean = (f: (x: number, i: number) => number) =>
    data.reduce((sum, x, i) => sum + f(x, i), 0) / n;
  expect(Math.abs(mean((x) => x))).toBeLessThan(4 / Math.sqrt(n));
  expect(Math.abs(mean((x) => x * x) - 1)).toBeLessThan((4 * Math.SQRT2) / Math.sqrt(n));
  expect(Math.abs(mean((x) => x ** 4) - 3)).toBeLessThan((4 * Math.sqrt(96)) / Math.sqrt(n));
  expect(Math.abs(mean((x, i) => x * (data[i ^ 1] ?? 0)))).toBeLessThan(8 / Math.sqrt(n));
  const beyond2 = mean((x) => (Math.abs(x) > 2 ? 1 : 0));
  expect(Math.abs(beyond2 - 0.0455003)).toBeLessThan((4 * 0.2084) / Math.sqrt(n));
});

test('permutation: every order of 4 equally often, and large ones complete', () => {
  const counts = new Map<string, number>();
  for (let i = 0; i < 24_000; i++) {
    const order = stream(4, 'order', i).permutation(4).join('');
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  expect(counts.size).toBe(24);
  expect(unevenness([...counts.values()])).toBeLessThan(2.2);
  expect(stream(4, 'large').permutation(10_000).sort()).toEqual(
    Int32Array.from({ length: 10_000 }, (_, i) => i),
  );
  expect(stream(4).permutation(0).length).toBe(0);
});
