import { describe, expect, it } from 'vitest';
import { sha256 } from '../harness/base/hash.ts';
import { recordOf } from '../harness/testing/records.ts';
import { comparisonCurve, comparisonPage, groupsOf } from './comparison.ts';
import type { Entry } from './entries.ts';

function entry(name: string, kind: string, knn: readonly number[]): Entry {
  const experiment = {
    name,
    method: { kind },
    backbone: { depth: 18, width: 0.5 },
    data: { train: { kind: 'cifar10' }, size: 32 },
    epochs: knn.length - 1,
    batch: 64,
    replicas: 1,
    precision: 'bf16',
  };
  const epochs = knn.map((knn_top1) => ({ knn_top1 }));
  const record = recordOf({ experiment, epochs, final: { linear_top1: 50 } });
  const data = { train: sha256('images'), 'evaluation.test': sha256('others') };
  return { key: name, record: { ...record, data } };
}

const three = [
  entry('slow', 'moco', [30, 35]),
  entry('fast', 'simclr', [30, 45.5]),
  entry('worse', 'byol', [30, 29]),
];

describe('the comparison of methods', () => {
  it('takes runs on the same data, three methods or more, the best first', () => {
    expect(groupsOf(three.slice(0, 2))).toEqual([]);
    const [group, ...others] = groupsOf(three);
    expect(others).toEqual([]);
    expect(group?.entries.map(({ key }) => key)).toEqual(['fast', 'slow', 'worse']);
  });

  it('leaves out a run of another budget', () => {
    const longer = entry('longer', 'npid', [30, 40, 50]);
    expect(groupsOf([...three, longer]).map(({ entries }) => entries.length)).toEqual([3]);
    expect(groupsOf([...three.slice(1), longer])).toEqual([]);
  });

  it('says whether every method beats random weights', () => {
    const [group = expect.unreachable()] = groupsOf(three);
    const page = comparisonPage(group, 'curves/x.svg');
    expect(page).toContain('Not every method beats random weights');
    expect(page).toMatch(/\| fast +\| simclr .*\| +30\.00 \| +45\.50 \| +15\.50 \| +50\.00 \|/);
    const entries = group.entries.slice(0, 2);
    expect(comparisonPage({ ...group, entries }, 'x')).toContain('Every method beats');
  });

  it('draws the same bytes again', async () => {
    const [group = expect.unreachable()] = groupsOf(three);
    expect(await comparisonCurve(group)).toBe(await comparisonCurve(group));
  });
});
