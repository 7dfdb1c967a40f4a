import { describe, expect, test } from 'vitest';
import { sha256 } from '../../base/hash.ts';
import type { Image } from '../images/image.ts';
import { sourceSpec } from '../spec.ts';
import { type GeneratedSpec, generatedImage, openGenerated } from './generated.ts';
import { PATTERNS } from './patterns.ts';

const spec: GeneratedSpec = {
  kind: 'generated',
  classes: 10,
  count: 1000,
  size: 32,
  seed: 0,
  split: 'train',
};

function hashOf(part: Partial<GeneratedSpec>, count = 20): string {
  const of = { ...spec, ...part };
  const pictures = Array.from({ length: count }, (_, i) => generatedImage(of, i).pixels);
  return sha256(pictures).slice(0, 16);
}

test('pinned pixels: the same on every machine and Node version', () => {
  expect(hashOf({})).toMatchInlineSnapshot(`"28d435d7a507e00f"`);
  expect(hashOf({ seed: 7, split: 'test', classes: 4 })).toMatchInlineSnapshot(
    `"54d7ad1affb66130"`,
  );
  expect(hashOf({ size: 225 }, 10)).toMatchInlineSnapshot(`"d09bafd58f173127"`);
  expect(openGenerated(spec).manifest.sha256).toMatchInlineSnapshot(
    `"0add18ecf97adedc15b8a7260bca3f0160a0f7f0fbde50b1e3964ebcc89dfb3e"`,
  );
});

test('an image depends on seed, split, index and size alone', async () => {
  const all = openGenerated(spec);
  const few = openGenerated({ ...spec, count: 20 });
  expect(await few.read(17)).toEqual(await all.read(17));
  expect(await all.read(17)).toEqual(await all.read(17));
  const others = [{ seed: 1 }, { split: 'test' } as const];
  for (const other of others) expect(hashOf(other)).not.toBe(hashOf({}));
});

test('the manifest tells data apart', () => {
  const changes: Partial<GeneratedSpec>[] = [
    {},
    { count: 999 },
    { classes: 9 },
    { size: 33 },
    { seed: 1 },
    { split: 'test' },
  ];
  const hashes = changes.map((change) => openGenerated({ ...spec, ...change }).manifest.sha256);
  expect(new Set(hashes).size).toBe(changes.length);
});

test('every number of classes takes turns', () => {
  expect(PATTERNS).toHaveLength(10);
  for (let classes = 2; classes <= 10; classes++) {
    const source = openGenerated({ ...spec, classes, count: 95 });
    const counts = new Array<number>(classes).fill(0);
    for (const label of source.labels ?? []) counts[label] = (counts[label] ?? 0) + 1;
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    expect(source.classes).toHaveLength(classes);
  }
  expect(sourceSpec.safeParse({ ...spec, classes: 11 }).success).toBe(false);
});

describe('what a class is', () => {
  const pictures = Array.from({ length: 1000 }, (_, index) => generatedImage(spec, index));

  test('not its colours: nearest neighbours by mean colour guess', () => {
    const accuracy = leaveOneOut(pictures.map(meanColour));
    expect(accuracy).toBeLessThan(0.16); // chance is 0.1, its standard error 0.0095
  });

  test('not its place: nearest neighbours by pixels are mostly wrong', () => {
    expect(leaveOneOut(pictures.map(({ pixels }) => pixels))).toBeLessThan(0.3);
  });

  test('a picture is no flat area: each has contrast in its grey levels', () => {
    for (const { pixels } of pictures) expect(deviation(pixels)).toBeGreaterThan(15);
  });
});

function meanColour({ pixels }: Image): Float64Array {
  const sum = new Float64Array(3);
  for (const [i, value] of pixels.entries())
    sum[i % 3] = (sum[i % 3] ?? 0) + value / (pixels.length / 3);
  return sum;
}

/** Standard deviation of the grey levels that Pillow's and torchvision's grayscale would give. */
function deviation(pixels: Uint8Array): number {
  const at = (i: number) => pixels[i] ?? 0;
  const grey = Float64Array.from(
    { length: pixels.length / 3 },
    (_, i) => 0.299 * at(3 * i) + 0.587 * at(3 * i + 1) + 0.114 * at(3 * i + 2),
  );
  const mean = grey.reduce((a, b) => a + b) / grey.length;
  return Math.sqrt(grey.reduce((sum, value) => sum + (value - mean) ** 2, 0) / grey.length);
}

/** Share of samples whose nearest other one has their label. */
function leaveOneOut(features: readonly ArrayLike<number>[]): number {
  let right = 0;
  for (const [i, a] of features.entries()) {
    let best = Infinity;
    let guess = -1;
    for (const [j, b] of features.entries()) {
      const distance = i === j ? Infinity : distanceBelow(a, b, best);
      if (distance < best) {
        best = distance;
        guess = j % spec.classes;
      }
    }
    if (guess === i % spec.classes) right++;
  }
  return right / features.length;
}

/** Squared distance, given up once it passes a bound. */
function distanceBelow(a: ArrayLike<number>, b: ArrayLike<number>, bound: number): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    sum += ((a[i] ?? 0) - (b[i] ?? 0)) ** 2;
    if (sum >= bound) return sum;
  }
  return sum;
}

test('upright pictures are lighter above than below where no pattern is, others as often not', () => {
  const COUNT = 600;
  const above = (upright: number | undefined) => {
    const lighter = Array.from({ length: COUNT }, (_, index) => {
      const given = { ...spec, size: 16, ...(upright === undefined ? {} : { upright }) };
      const { pixels } = generatedImage(given, index);
      const row = (y: number) => pixels.subarray(y * 48, (y + 1) * 48);
      const corners = (y: number) => [...row(y).slice(0, 3), ...row(y).slice(-3)];
      const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
      return sum(corners(0)) > sum(corners(15));
    });
    return lighter.filter(Boolean).length / COUNT;
  };
  const slack = 4.5 * Math.sqrt(0.25 / COUNT);
  expect(Math.abs(above(undefined) - 0.5)).toBeLessThan(slack);
  expect(above(10)).toBeGreaterThan(0.5 + slack);
});
