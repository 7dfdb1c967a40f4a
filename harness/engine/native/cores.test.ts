import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { startEngine } from '../index.ts';
import { coresOf, useCoreBlock, withCores } from './cores.ts';

beforeAll(startEngine);
afterEach(() => useCoreBlock(0));

/** The cores that the calling thread may use, as Linux lists them. */
function allowed(): number[] {
  const status = readFileSync('/proc/thread-self/status', 'utf8');
  const [, list = ''] = /Cpus_allowed_list:\s*(\S+)/.exec(status) ?? [];
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

it('gives processes of a machine blocks of cores that do not overlap', () => {
  const all = [0, 1, 4, 5, 8, 9];
  expect([0, 1, 2].map((index) => coresOf(all, 2, index))).toEqual([
    [0, 1],
    [4, 5],
    [8, 9],
  ]);
  expect([0, 1].map((index) => coresOf(all, 4, index))).toEqual([
    [0, 1, 4, 5],
    [8, 9, 0, 1], // more were asked for than there are
  ]);
});

it.runIf(availableParallelism() > 1)('holds threads to the block of this process', () => {
  const all = allowed();
  for (const index of [0, 1]) {
    useCoreBlock(index);
    expect(withCores(1, allowed)).toEqual([all[index]]);
    expect(allowed()).toEqual(all);
  }
  expect(withCores(0, allowed)).toEqual(all);
});
