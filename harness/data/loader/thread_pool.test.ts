import { expect, it } from 'vitest';
import { openSource } from '../../testing/source.ts';
import { sourceSpec, viewSpec } from '../spec.ts';
import type { FillSetup } from './fill.ts';
import { LocalPool, type Order, type Pool, sharedViews } from './pool.ts';
import { ThreadPool } from './thread_pool.ts';

const setup: FillSetup = {
  spec: sourceSpec.parse({ kind: 'generated', count: 40, size: 16 }),
  data: '',
  seed: 5,
  size: 12,
  pipelines: [viewSpec.parse([{ kind: 'randomResizedCrop' }, { kind: 'flip' }])],
};
const source = await openSource(setup.spec, { data: '' });
const opener = new URL('../../testing/source.ts', import.meta.url).href;
const open = (first: number, most: number) =>
  ThreadPool.open({ first, most }, { setup, opener, manifest: source.manifest });

const orders: readonly Order[] = [0, 1, 2, 3].map((epoch) => ({
  epoch,
  indices: Int32Array.from({ length: 40 }, (_, i) => (i * 7) % 40),
}));

async function filled(pool: Pool, order: Order): Promise<Buffer> {
  const views = sharedViews(order.indices.length, setup);
  await pool.fill(order, views);
  return Buffer.concat(views);
}

it('grows to its most when told to hurry, one thread at a time, and changes no bit', async () => {
  const pool = await open(1, 3);
  const local = new LocalPool(source, setup);
  for (const order of orders) {
    pool.hurry(); // of the two, one starts a thread
    pool.hurry();
    const expected = await filled(local, order);
    expect((await filled(pool, order)).equals(expected)).toBe(true);
    const most = Math.min(3, 2 + order.epoch);
    await expect.poll(() => pool.size, { timeout: 20_000 }).toBe(most);
  }
  await pool.dispose();
});

it('lets a new thread help with what has begun', async () => {
  const pool = await open(1, 2);
  const all = Promise.all(orders.map((order) => filled(pool, order)));
  pool.hurry();
  const local = new LocalPool(source, setup);
  for (const [i, bytes] of (await all).entries())
    expect(bytes.equals(await filled(local, orders[i] as Order))).toBe(true);
  await pool.dispose();
});

it('closes while a thread is starting', async () => {
  const pool = await open(1, 2);
  pool.hurry();
  await pool.dispose();
  await expect(filled(pool, orders[0] as Order)).rejects.toThrow('loader: it is closed');
  pool.hurry();
  expect(pool.size).toBe(1);
});
