import { describe, expect, it } from 'vitest';
import { learningRate } from './schedule.ts';
import { ScheduleSpec } from './schedule_spec.ts';

/** The rate at each step of a run. */
function rates(value: unknown, base: number, stepsPerEpoch: number, epochs: number) {
  const spec = ScheduleSpec.parse(value);
  return (step: number) => learningRate(spec, base, { step, stepsPerEpoch, epochs });
}

function agree(at: (step: number) => number, expected: readonly (readonly [number, number])[]) {
  for (const [step, rate] of expected)
    expect(Math.abs(at(step) / rate - 1), `step ${step}: ${at(step)}`).toBeLessThan(2e-6);
}

const warmup = (epochs: number, ratio: number) => ({ epochs, ratio });

/** As every recipe of the original has it. */
const mmcv = { kind: 'cosine', per: 'epoch', from: 'start' };

describe('the recipes, by the check values of their formulas', () => {
  it('SimCLR, batch 256', () => {
    const at = rates({ ...mmcv, warmup: warmup(10, 1e-4) }, 0.3, 5005, 200);
    agree(at, [
      [0, 3.0e-5],
      [1, 3.59934e-5],
      [2502, 0.0150255],
      [25025, 0.1497838],
      [50049, 0.2984976],
      [50050, 0.2981533],
      [500500, 0.15],
      [1000999, 1.85051e-5],
    ]);
  });
  it('BYOL, batches of 2048 and 256', () => {
    agree(rates({ ...mmcv, warmup: warmup(10, 1e-4) }, 4.8, 626, 200), [
      [0, 4.8e-4],
      [313, 0.240456],
      [6260, 4.770452],
      [62600, 2.4],
      [125199, 2.96082e-4],
    ]);
    agree(rates({ ...mmcv, warmup: warmup(2, 1e-4) }, 0.2, 5005, 200), [
      [0, 2e-5],
      [5005, 0.1000038],
      [10010, 0.1999507],
    ]);
  });
  it('MoCo v2, by epoch', () => {
    agree(rates(mmcv, 0.03, 1, 200), [
      [0, 0.03],
      [1, 0.0299981],
      [50, 0.0256066],
      [100, 0.015],
      [150, 0.0043934],
      [199, 1.85051e-6],
    ]);
  });
  it('rotation prediction', () => {
    const spec = { kind: 'step', milestones: [30, 50], warmup: warmup(5, 0.1) };
    agree(rates(spec, 0.2, 10010, 70), [
      [0, 0.02],
      [1, 0.0200036],
      [25025, 0.11],
      [50050, 0.2],
      [300300, 0.02],
      [500500, 0.002],
    ]);
  });
});

describe('options', () => {
  it('moves at every step when told to', () => {
    const cosine = rates({ kind: 'cosine', minLr: 0.1, per: 'step' }, 0.3, 5, 4);
    expect(cosine(0)).toBe(0.3);
    expect(cosine(10)).toBeCloseTo(0.2, 15);
    expect(cosine(11)).toBeLessThan(cosine(10));
    expect(cosine(20)).toBe(0.1);
    const step = rates({ kind: 'step', milestones: [7], gamma: 0.5, per: 'step' }, 1, 5, 4);
    expect([step(6), step(7)]).toEqual([1, 0.5]);
  });
  it('begins its half cosine where the warm-up ends, unless told otherwise', () => {
    const spec = { kind: 'cosine', warmup: { epochs: 2, ratio: 0.5 } };
    const [after, whole] = [rates(spec, 1, 5, 6), rates({ ...spec, from: 'start' }, 1, 5, 6)];
    agree(after, [
      [0, 0.5],
      [5, 0.75],
      [10, 1],
      [20, 0.5],
      [25, 0.5 * (1 + Math.cos(0.75 * Math.PI))],
    ]);
    agree(whole, [
      [0, 0.5],
      [5, 0.75 * 0.5 * (1 + Math.cos(Math.PI / 6))],
      [10, 0.75],
      [20, 0.25],
    ]);
    const stairs = rates({ ...spec, per: 'epoch' }, 1, 5, 6);
    expect(new Set([10, 11, 14].map(stairs))).toEqual(new Set([1]));
    expect(stairs(20)).toBeCloseTo(0.5, 15);
    const always = rates({ ...spec, warmup: { iterations: 30, ratio: 0.5 } }, 1, 5, 6);
    expect(always(0)).toBe(0.5);
    expect(always(29)).toBeCloseTo(1 - 0.5 / 30, 15);
  });
  it('stays where it is by epoch', () => {
    const at = rates(mmcv, 0.3, 5, 4);
    expect(new Set([5, 6, 7, 8, 9].map(at)).size).toBe(1);
  });
  it('warms up in three ways, for epochs or steps', () => {
    const at = (kind: string) =>
      rates({ kind: 'constant', warmup: { kind, iterations: 4, ratio: 0.01 } }, 2, 10, 1);
    expect([0, 3, 4].map(at('constant'))).toEqual([0.02, 0.02, 2]);
    expect(at('linear')(2)).toBeCloseTo(2 * 0.505, 15);
    expect(at('exp')(2)).toBeCloseTo(0.2, 15);
    expect(at('exp')(4)).toBe(2);
  });
});

// golden/parity/lr_policies has them all, by mmcv's formulas in Python.
describe('the other policies of mmcv', () => {
  it.each<[string, object, readonly (readonly [number, number])[]]>([
    [
      'exp',
      { kind: 'exp', gamma: 0.5 },
      [
        [4, 2],
        [5, 1],
        [10, 0.5],
      ],
    ],
    [
      'exp by step',
      { kind: 'exp', gamma: 0.5, per: 'step' },
      [
        [0, 2],
        [3, 0.25],
      ],
    ],
    [
      'poly',
      { kind: 'poly', power: 2, minLr: 1, per: 'step' },
      [
        [0, 2],
        [10, 1.25],
        [15, 1.0625],
      ],
    ],
    [
      'inv',
      { kind: 'inv', gamma: 1 },
      [
        [0, 2],
        [5, 1],
        [15, 0.5],
      ],
    ],
    [
      'step',
      { kind: 'step', every: 2, gamma: 0.1 },
      [
        [9, 2],
        [10, 0.2],
        [19, 0.2],
      ],
    ],
    [
      'cosine',
      { kind: 'cosine', minLrRatio: 0.1 },
      [
        [0, 2],
        [10, 1.1],
        [20, 0.2],
      ],
    ],
  ])('%s', (_, spec, expected) => {
    agree(rates(spec, 2, 5, 4), expected);
  });
  it('cyclic: up and down, again in what is left', () => {
    const at = rates({ kind: 'cyclic', targets: [10, 0.5], times: 2, up: 0.4 }, 2, 7, 3);
    agree(at, [
      [0, 2],
      [2, 11],
      [4, 20],
      [7, 10.5],
      [10, 2],
      [14, 20],
      [20, 2],
    ]);
    const down = rates({ kind: 'cyclic', targets: [10, 0], up: 0 }, 2, 4, 1);
    agree(down, [
      [0, 20],
      [2, 10],
    ]);
    expect(() => rates({ kind: 'cyclic', times: 5 }, 2, 4, 1)(0)).toThrow('5 cycles');
  });
});

describe('what is refused', () => {
  it.each([
    [{ kind: 'cosine', warmup: { ratio: 0.1 } }, 'epochs or iterations'],
    [{ kind: 'cosine', warmup: { ratio: 0.1, epochs: 1, iterations: 2 } }, 'not both'],
    [{ kind: 'cosine', milestones: [5] }, 'milestones'],
    [{ kind: 'sine' }, 'kind'],
    [{ kind: 'step' }, 'milestones or every'],
    [{ kind: 'step', milestones: [3], every: 3 }, 'and not both'],
    [{ kind: 'cosine', minLr: 0.1, minLrRatio: 0.1 }, 'minLr or minLrRatio'],
    [{ kind: 'cyclic', per: 'epoch' }, 'per'],
    [{ kind: 'cyclic', up: 1 }, 'up'],
  ])('%j', (value, message) => {
    expect(() => ScheduleSpec.parse(value)).toThrow(message);
  });
});
