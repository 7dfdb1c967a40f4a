import { expect, it } from 'vitest';
import { sourceSpec, viewSpec } from '../spec.ts';
import type { Pool } from './pool.ts';
import { ahead, Ring } from './prefetch.ts';

const setup = {
  spec: sourceSpec.parse({ kind: 'generated', count: 8, size: 8 }),
  data: '',
  seed: 0,
  size: 8,
  pipelines: [viewSpec.parse([{ kind: 'flip' }])],
};

/** A pool whose batches are done when a test says so. */
class SlowPool implements Pool {
  readonly prefetch = 1;
  readonly done: (() => void)[] = [];
  hurries = 0;

  fill(): Promise<void> {
    return new Promise((resolve) => this.done.push(resolve));
  }
  hurry(): void {
    this.hurries++;
  }
  cancel(): void {}
  async dispose(): Promise<void> {}
}

it('tells the pool of batches that come late, but not of the first', async () => {
  const pool = new SlowPool();
  const requests = [0, 1, 2, 3].map((i) => ({ order: { epoch: 0, indices: Int32Array.of(i) } }));
  const batches = ahead(pool, new Ring(4, 1, setup), requests.values(), pool.prefetch);
  const next = async (batch: number, late: boolean) => {
    if (!late) pool.done[batch]?.();
    await Promise.resolve(); // a batch is ready when the loop has heard of it
    const asked = batches.next();
    await Promise.resolve();
    if (late) pool.done[batch]?.();
    const { value } = await asked;
    expect(value?.request.order.indices).toEqual(Int32Array.of(batch));
    return pool.hurries;
  };
  expect(await next(0, true)).toBe(0);
  expect(await next(1, false)).toBe(0);
  expect(await next(2, true)).toBe(1);
  expect(await next(3, false)).toBe(1);
});
