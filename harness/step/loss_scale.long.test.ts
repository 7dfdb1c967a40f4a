import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { TestProcesses } from '../testing/processes/processes.ts';
import type { Found, Task } from './loss_scale.child.ts';

const CHILD = fileURLToPath(new URL('loss_scale.child.ts', import.meta.url));

// The replica that overflows lives in the last process; the first hears of it through the sum alone.
it('an overflow in one process skips the update of all', async () => {
  const accumulate = 2;
  const large = [4, 7, 16];
  const plan = Array.from({ length: 24 }, (_, step) => (large.includes(step) ? 3 : undefined));
  const task: Task = { replicas: 4, accumulate, plan };
  const found: Found[] = [];
  for (const count of [1, 2, 4]) {
    const processes = await TestProcesses.start<Task, Found>(CHILD, count);
    try {
      found.push(...(await processes.ask(task)));
    } finally {
      processes.kill();
    }
  }
  const [first = expect.unreachable(), ...others] = found;
  expect(first.steps.map(({ skipped }) => skipped).flatMap((skip, i) => (skip ? [i] : []))).toEqual(
    [5, 7, 17],
  );
  expect(others.length).toBe(6);
  for (const other of others) expect(other).toEqual(first);
});
