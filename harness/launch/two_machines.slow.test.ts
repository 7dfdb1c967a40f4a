import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { openTwoMachines, slurmStep, tfConfig } from './two_machines.fixture.ts';

const member = fileURLToPath(new URL('./member.fixture.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'machines-'));
const machines = await openTwoMachines(folder);
afterAll(() => {
  machines?.close();
  rmSync(folder, { recursive: true });
});

/** A process on one of the machines. */
function startOn(machine: 0 | 1, options: object, env: NodeJS.ProcessEnv = {}) {
  const [file = '', ...enter] = machines?.enter[machine] ?? [];
  const child = spawn(file, [...enter, process.execPath, member, JSON.stringify(options)], {
    env: { ...process.env, ...env },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data) => {
      text += data;
    });
  const ended = once(child, 'close').then(([code]) => ({ code, text }));
  return { child, ended, output: () => text };
}

const hosts = '10.24.0.1:2222,10.24.0.2:2222';
const both = [0, 1] as const;

describe.skipIf(machines === undefined)('two machines', () => {
  test.each([
    ['--hosts', (rank: number) => ({ options: { hosts, rank }, env: {} })],
    ['TF_CONFIG', (rank: number) => ({ options: {}, env: tfConfig(rank, 2222) })],
    ['SLURM', (rank: number) => ({ options: {}, env: slurmStep(rank) })],
  ])('find each other by %s', async (_, of) => {
    const runs = both.map((rank) => startOn(rank, of(rank).options, of(rank).env));
    const ends = await Promise.all(runs.map(({ ended }) => ended));
    const expected = { code: 0, text: '0 at 10.24.0.1, 1 at 10.24.0.2\n' };
    expect(ends).toEqual([expected, expected]);
  });

  test('name who does not come', async () => {
    const alone = await startOn(0, { hosts, rank: 0 }).ended;
    expect(alone.code).toBe(1);
    expect(alone.text).toMatch(/rank 1 \(10\.24\.0\.2:2222\)/);
  });

  test('both notice when the link between them goes down', async () => {
    const runs = both.map((rank) => startOn(rank, { hosts, rank }, { STAYS: '1' }));
    await expect
      .poll(() => runs.every((run) => run.output().includes('10.24.0.2')), { timeout: 20_000 })
      .toBe(true);
    await machines?.link('down');
    const ends = await Promise.all(runs.map(({ ended }) => ended));
    await machines?.link('up');
    expect(ends.map(({ code }) => code)).toEqual([75, 75]);
  });
});
