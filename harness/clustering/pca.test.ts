import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../engine/index.ts';
import { fillNormal, stream } from '../random/stream.ts';
import { readSafetensors } from '../weights/safetensors.ts';
import { whitened, withoutNaN } from './pca.ts';

const folder = fileURLToPath(new URL('../../golden/clustering', import.meta.url));
const { tensors } = readSafetensors(join(folder, 'pca.safetensors'));
const numbers = (name: string) => Array.from(tensors.get(name)?.data ?? [], Number);
const features = Float32Array.from(numbers('features'));
const WIDTH = 16;

beforeAll(startEngine);

describe('whitening', () => {
  it.each([1, 5, 12])('is that of scikit-learn in %i dimensions', async (dimensions) => {
    const found = await whitened(features, WIDTH, { dimensions });
    const expected = numbers(`whitened.${dimensions}`);
    for (let p = 0; p < dimensions; p++) {
      const column = (list: ArrayLike<number>) =>
        Array.from({ length: 200 }, (_, i) => list[i * dimensions + p] ?? 0);
      const [own, theirs] = [column(found), column(expected)];
      const sign = Math.sign(own.reduce((sum, x, i) => sum + x * (theirs[i] ?? 0), 0));
      const apart = own.map((x, i) => Math.abs(x * sign - (theirs[i] ?? 0)));
      expect(Math.max(...apart)).toBeLessThan(2e-5);
    }
  });

  it('without PCA scales rows to length 1, and leaves a row of zeros', async () => {
    const found = await whitened(Float32Array.of(3, 4, 0, 0), 2, { dimensions: undefined });
    [0.6, 0.8, 0, 0].forEach((x, i) => {
      expect(found[i]).toBeCloseTo(x, 6);
    });
  });

  it('has the same bits on one thread and on several', async () => {
    const values = fillNormal(stream(3, 'rows'), new Float32Array(9000 * 40), 1);
    const first = await whitened(values, 40, { dimensions: 20, threads: 1 });
    expect(await whitened(values, 40, { dimensions: 20, threads: 2 })).toEqual(first);
  });

  it('refuses features that are all the same, or vary too little', async () => {
    await expect(whitened(new Float32Array(64).fill(2), 8, { dimensions: 2 })).rejects.toThrow(
      '2 principal components asked for, but the features of 8 images vary in 0 directions',
    );
    const line = Float32Array.from({ length: 80 }, (_, i) => Math.floor(i / 8) * ((i % 8) + 1));
    await expect(whitened(line, 8, { dimensions: 2 })).rejects.toThrow('vary in 1 directions');
    await expect(whitened(line, 8, { dimensions: 9 })).rejects.toThrow('use at most 8');
    const bad = line.slice();
    bad[20] = Number.NaN;
    await expect(whitened(bad, 8, { dimensions: 1 })).rejects.toThrow('row 2 of 10 has NaN');
  });
});

describe('numbers that are none after whitening', () => {
  it('become 0 up to a thousandth', () => {
    const values = new Float32Array(2000).fill(1);
    values[7] = values[1999] = Number.NaN;
    withoutNaN(values);
    expect([values[7], values[1999], values[8]]).toEqual([0, 0, 1]);
    values.fill(Number.NaN, 0, 3);
    expect(() => withoutNaN(values)).toThrow('3 of 2000 whitened numbers are NaN');
  });
});
