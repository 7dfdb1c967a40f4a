import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { provision } from '../harness/engine/library/index.ts';
import { allows, asNobody } from '../harness/launch/launching.fixture.ts';
import { openTwoMachines, slurmStep, tfConfig } from '../harness/launch/two_machines.fixture.ts';
import { runTrain, tiny, traces, writeExperiment } from './train.fixture.ts';
import { processesIn, rowsOf, startLine } from './trouble.fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'launch-long-'));
chmodSync(folder, 0o777);
const file = writeExperiment(folder, { ...tiny, replicas: 4, batch: 4 });
const script = new URL('./train.mjs', import.meta.url).pathname;
const words = (workDir: string) => `${file} --work_dir ${workDir} --resume_from auto`;

const inPrivate = allows(
  'runs of several processes',
  'unshare',
  '--user',
  '--map-root-user',
  '--net',
);
const asOthers = allows('runs of a user without rights', ...asNobody, 'unshare', '-Un');
const machines = await openTwoMachines(folder);
afterAll(() => {
  machines?.close();
  rmSync(folder, { recursive: true });
});

/** The engine's libraries where another user finds them too. */
async function sharedLibrary(): Promise<string> {
  const { directory } = await provision();
  const shared = join(folder, 'library');
  const linked = spawnSync('cp', ['--recursive', '--link', '--dereference', directory, shared]);
  if (linked.status !== 0) spawnSync('cp', ['--recursive', '--dereference', directory, shared]);
  return shared;
}

/**
 * Waits until a run has written down so many steps; beside other work a start may take minutes.
 * @throws with what the run said, if it ends before
 */
async function stepsIn(
  workDir: string,
  count: number,
  { child, output }: { readonly child: ChildProcess; readonly output: () => string },
): Promise<void> {
  await until(() => {
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}: ${output()}`);
    return rowsOf(workDir).length > count;
  });
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((done) => setTimeout(done, 50));
}

const whole = join(folder, 'whole');
expect(runTrain(...words(whole).split(' ')).status).toBe(0);
const expected = await traces(whole);

describe.skipIf(!inPrivate)('a run of several processes', () => {
  test('has the bytes of one, in any number of them', async () => {
    for (const processes of [2, 4]) {
      const workDir = join(folder, `of ${processes}`.replace(' ', '_'));
      const { status, stdout, stderr } = runTrain(
        ...words(workDir).split(' '),
        '--processes',
        String(processes),
      );
      expect(status, stderr).toBe(0);
      expect(stdout.match(/finished/g)).toHaveLength(1);
      expect(stderr.match(/epoch 3 of 3/g)).toHaveLength(1);
      expect(stderr).not.toMatch(/\[rank/);
      expect(await traces(workDir)).toEqual(expected);
    }
  });

  test.skipIf(!asOthers)('is for users without rights too, and its files are theirs', async () => {
    const workDir = join(folder, 'nobody');
    const home = join(folder, 'home');
    mkdirSync(home);
    chmodSync(home, 0o777);
    const line = `exec ${asNobody.join(' ')} TRAIN ${words(workDir)} --processes 2`;
    const run = startLine(line, { HOME: home, REPRISE_TENSORFLOW_DIR: await sharedLibrary() });
    expect(await run.ended, run.output()).toBe(0);
    expect(statSync(join(workDir, 'record.json')).uid).toBe(65534);
    expect((await traces(workDir)).state).toBe(expected.state);
  });

  test('saves once when told to end, and goes on in another number of processes', async () => {
    const workDir = join(folder, 'stopped');
    const stops = [
      { processes: 4, signal: 'SIGTERM', code: 143 },
      { processes: 1, signal: 'SIGTERM', code: 143 },
      { processes: 2, signal: 'SIGHUP', code: 129 },
    ] as const;
    for (const { processes, signal, code } of stops) {
      const before = rowsOf(workDir).length;
      const run = startLine(`exec TRAIN ${words(workDir)} --processes ${processes}`);
      await stepsIn(workDir, before + 2, run);
      run.child.kill(signal);
      expect(await run.ended, run.output()).toBe(code);
      await run.closed;
      expect(processesIn(workDir)).toEqual([]);
      expect(run.output().match(/stopped; go on with --resume_from auto/g)).toHaveLength(1);
    }
    expect(runTrain(...words(workDir).split(' '), '--processes', '2').status).toBe(0);
    expect(await traces(workDir)).toEqual(expected);
  });

  test('leaves no process when its launcher is killed', async () => {
    const workDir = join(folder, 'killed');
    const run = startLine(`exec TRAIN ${words(workDir)} --processes 4`);
    await stepsIn(workDir, 3, run);
    run.child.kill('SIGKILL');
    await run.closed;
    await until(() => processesIn(workDir).length === 0);
    expect(runTrain(...words(workDir).split(' ')).status).toBe(0);
    expect(await traces(workDir)).toEqual(expected);
  });

  test.each(['SIGKILL', 'SIGSTOP'] as const)(
    'is started again after a process had %s',
    async (signal) => {
      const workDir = join(folder, `restarted-${signal}`);
      const run = startLine(`exec TRAIN ${words(workDir)} --processes 2 --restarts 1 --timeout 20`);
      await stepsIn(workDir, 5, run);
      const [, , last = 0] = processesIn(workDir);
      process.kill(last, signal);
      expect(await run.ended, run.output()).toBe(0);
      expect(run.output()).toMatch(/restart 1 of 1/);
      expect(run.output()).toMatch(/resumed from/);
      expect(await traces(workDir)).toEqual(expected);
    },
  );
});

/** A process of a run on one of the two machines. */
function startOn(machine: 0 | 1, options: string, workDir: string, env: NodeJS.ProcessEnv = {}) {
  const [first = '', ...enter] = machines?.enter[machine] ?? [];
  const all = [...words(workDir).split(' '), ...options.split(' '), '--allow_open_port'];
  const child = spawn(first, [...enter, process.execPath, script, ...all], {
    env: { ...process.env, ...env },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data) => {
      text += data;
    });
  return { child, ended: once(child, 'close').then(([code]) => code), output: () => text };
}

const HOSTS = '--hosts node1:2222,node2:2222';
const both = [0, 1] as const;

describe.skipIf(machines === undefined)('a run on two machines', () => {
  test.each([
    ['addresses', (rank: number) => ({ options: `${HOSTS} --rank ${rank}`, env: {} })],
    ['tf_config', (rank: number) => ({ options: '--processes 2', env: tfConfig(rank, 3333) })],
    ['slurm', (rank: number) => ({ options: '--timeout 30', env: slurmStep(rank) })],
  ])('by %s has the bytes of one process', async (name, of) => {
    const workDir = join(folder, name);
    const runs = both.map((rank) => startOn(rank, of(rank).options, workDir, of(rank).env));
    const codes = await Promise.all(runs.map(({ ended }) => ended));
    expect(codes, runs.map(({ output }) => output()).join('\n')).toEqual([0, 0]);
    expect(runs[1]?.output()).toBe('');
    expect(await traces(workDir)).toEqual(expected);
  });

  test('goes on in one process when a host stays away', async () => {
    const workDir = join(folder, 'fewer');
    const options = `${HOSTS} --restarts 1 --timeout 20 --rank`;
    const first = startOn(0, `${options} 0`, workDir);
    const second = startOn(1, `${options} 1`, workDir);
    await stepsIn(workDir, 5, first);
    second.child.kill('SIGKILL'); // and its process with it
    expect(await first.ended, first.output()).toBe(0);
    expect(first.output()).toMatch(
      /going on in 1 of 2 processes, as rank 0, without rank 1 \(node2/,
    );
    expect(await traces(workDir)).toEqual(expected);
  });
});
