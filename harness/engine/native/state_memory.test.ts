import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { startEngine } from '../index.ts';
import { native } from './capi.ts';
import type { StateMemory } from './state_memory.child.ts';

// A process of its own: its peak memory is that of these calls. Measured: 1.04 and 0.96 of the state; of
// the bank 0.00 both (1.00 where setting it made another; a step that copied it would take 1 too).
it('sets and reads 400 MiB of state with one copy each, sets a bank again and changes its rows with none', async ({
  skip,
}) => {
  await startEngine();
  skip(native().library.device === 'gpu', 'state is in the memory of the GPU');
  const child = fileURLToPath(new URL('state_memory.child.ts', import.meta.url));
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--import', 'tsx', child], {
    encoding: 'utf8',
  });
  expect(status, stderr).toBe(0);
  const found: StateMemory = JSON.parse(stdout);
  const { bytes, writing, reading, same } = found;
  expect(same).toBe(true);
  expect(writing / bytes).toBeGreaterThan(0.9); // or else nothing was measured
  expect(writing / bytes).toBeLessThan(1.2);
  expect(reading / bytes).toBeGreaterThan(0.8);
  expect(reading / bytes).toBeLessThan(1.2);
  expect(found.rewriting / found.bank).toBeLessThan(0.2);
  expect(found.stepping / found.bank).toBeLessThan(0.2);
});
