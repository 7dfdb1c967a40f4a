import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../engine/index.ts';
import { LinearSpec } from '../experiment/spec.ts';
import { readSafetensors } from '../weights/safetensors.ts';
import { linearProbe } from './linear.ts';

beforeAll(async () => {
  await startEngine();
});

const golden = join(fileURLToPath(import.meta.url), '../../../golden/evaluation');

function largestGap(found: ArrayLike<number | bigint>, expected: ArrayLike<number>): number {
  expect(found.length).toBe(expected.length);
  return Math.max(...Array.from(expected, (x, i) => Math.abs(Number(found[i]) - x)));
}

describe('against PyTorch', () => {
  it('takes the same steps from the same start', async () => {
    const { tensors, metadata } = readSafetensors(join(golden, 'linear.safetensors'));
    const floats = (name: string) => tensors.get(name)?.data as Float32Array;
    const order = tensors.get('order')?.data as Int32Array;
    const start = tensors.get('start');
    if (start === undefined) throw new Error('fixture without a start');
    const spec = LinearSpec.parse({
      epochs: Number(metadata.epochs),
      batch: Number(metadata.batch),
      lr: Number(metadata.lr),
      momentum: Number(metadata.momentum),
      weightDecay: Number(metadata.weight_decay),
      epsilon: Number(metadata.epsilon),
    });
    const rows = {
      features: floats('features'),
      width: 32,
      labels: tensors.get('labels')?.data as Int32Array,
    };
    const count = rows.labels.length;
    const { losses, weight, bias } = await linearProbe(rows, rows, {
      spec,
      seed: 0,
      start: {
        weight: start,
        order: (epoch) => order.subarray(epoch * count, (epoch + 1) * count),
      },
    });
    expect(losses.length).toBe(spec.epochs * Math.ceil(count / spec.batch));
    expect(largestGap(losses, floats('losses'))).toBeLessThan(1e-5);
    expect(largestGap(weight.data, floats('weight'))).toBeLessThan(1e-5);
    expect(largestGap(bias.data, floats('bias'))).toBeLessThan(1e-5);
  });
});

describe('on handwritten digits', () => {
  const { tensors, metadata } = readSafetensors(join(golden, 'digits.safetensors'));
  const rows = (name: string) => ({
    features: Float32Array.from(tensors.get(name)?.data as Uint8Array),
    width: 64,
    labels: tensors.get(`${name}_labels`)?.data as Int32Array,
  });
  const spec = LinearSpec.parse({ epochs: 30 });

  it('is as good as logistic regression, less 2 points', async () => {
    const { top1 } = await linearProbe(rows('train'), rows('test'), { spec, seed: 0 });
    expect(top1).toBeGreaterThan(Number(metadata.logistic_regression_top1) - 2);
  });

  it('has the same bits with any number of threads, others with another seed', async () => {
    const short = LinearSpec.parse({ epochs: 2 });
    const [one, two, other] = await Promise.all(
      [
        { seed: 3, threads: 1 },
        { seed: 3, threads: 2 },
        { seed: 4, threads: 1 },
      ].map((run) => linearProbe(rows('train'), rows('test'), { spec: short, ...run })),
    );
    expect(two).toEqual(one);
    expect(other?.losses).not.toEqual(one?.losses);
  });
});
