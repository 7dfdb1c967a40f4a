import { availableParallelism } from 'node:os';
import { expect, it } from 'vitest';
import { coresFor } from './cores.ts';

it.each([
  [1, 8, 8],
  [2, 8, 4],
  [3, 8, 2], // two are left over: processes wait for the slowest, so none gets more than the others
  [8, 8, 1],
  [16, 8, 1],
])('%i processes on %i cores use %i each', (processes, cores, each) => {
  expect(coresFor(processes, cores)).toBe(each);
});

it('a process alone uses all cores that it may', () => {
  expect(coresFor()).toBe(availableParallelism());
});
