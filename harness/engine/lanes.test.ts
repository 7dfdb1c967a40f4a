import { expect, it } from 'vitest';

// A copy of the module of its own: test files share a process, whose lanes are held already.
const OWN = './lanes.ts?own';

it('holds the first number that a process computes with', async () => {
  const { heldLanes, useLanes }: typeof import('./lanes.ts') = await import(OWN);
  useLanes(3);
  useLanes(3);
  expect(heldLanes()).toBe(3);
  const refusal = expect.objectContaining({ name: 'UserError' });
  expect(() => useLanes(4)).toThrow(refusal);
  expect(() => useLanes(4)).toThrow(/^lanes: 4, but this process computes with 3 already/);
  expect(heldLanes()).toBe(3);
});
