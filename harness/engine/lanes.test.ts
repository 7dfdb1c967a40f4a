import { expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import { heldLanes, useLanes } from './lanes.ts';

it('holds the first number that a process computes with', () => {
  useLanes(3);
  useLanes(3);
  expect(heldLanes()).toBe(3);
  expect(() => useLanes(4)).toThrow(UserError);
  expect(() => useLanes(4)).toThrow(/^lanes: 4, but this process computes with 3 already/);
  expect(heldLanes()).toBe(3);
});
