import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import {
  allows,
  asNobody,
  isReachable,
  isRunning,
  type Launching,
  pidsIn,
  startLauncher,
} from './launching.fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'launch-'));
chmodSync(folder, 0o777);
afterAll(() => rmSync(folder, { recursive: true }));

const root = process.geteuid?.() === 0;
const inPrivate = allows(
  'runs in a private network',
  'unshare',
  '--user',
  '--map-root-user',
  '--net',
);
const asOthers = root && allows('runs of a user without rights', ...asNobody, 'unshare', '-Un');
const addresses = Object.values(networkInterfaces())
  .flatMap((all) => all ?? [])
  .filter(({ family, internal }) => family === 'IPv4' && !internal)
  .map(({ address }) => address);

/** Two processes that listen on every interface, and whether they are reached from here. */
async function served(options: Partial<Launching>) {
  const run = startLauncher({
    setup: { processes: 2 },
    plan: [[`serve ${folder}`], [`serve ${folder}`]],
    ...options,
  });
  const reached = await run.lines(/has reached \d at (\d+)/g, 2);
  const ports = reached.map(([, port]) => Number(port));
  const asked = ['127.0.0.1', ...addresses].flatMap((host) =>
    ports.map((port) => isReachable(port, host)),
  );
  const outside = await Promise.all(asked);
  const owner = statSync(join(folder, 'file 0')).uid;
  const home = readFileSync(join(folder, 'file 0'), 'utf8');
  run.child.kill('SIGTERM');
  await run.ended;
  for (const name of ['file 0', 'file 1']) rmSync(join(folder, name));
  return { outside, owner, home, pids: pidsIn(run.said.err) };
}

describe.skipIf(!inPrivate)('a private network', () => {
  test('has ports that processes reach, and nobody outside', async () => {
    const { outside, owner, pids } = await served({});
    expect(outside.length).toBeGreaterThan(0);
    expect(outside).toEqual(outside.map(() => false));
    expect(owner).toBe(process.getuid?.());
    expect(pids.filter(isRunning)).toEqual([]);
  });

  test.skipIf(!asOthers)(
    'is there for a user without rights, whose files stay theirs',
    async () => {
      const env = { HOME: '/home/somebody' };
      const { outside, owner, home } = await served({ before: asNobody, env });
      expect(outside).toEqual(outside.map(() => false));
      expect(owner).toBe(65534);
      expect(home).toBe('/home/somebody');
    },
  );

  test.skipIf(!root)(
    'is there for a root that may not make one without a user namespace',
    async () => {
      const before = ['setpriv', '--bounding-set', '-sys_admin', '--inh-caps', '-sys_admin'];
      const { outside } = await served({ before });
      expect(outside).toEqual(outside.map(() => false));
    },
  );
});

describe('without a private network', () => {
  // A kernel that gives none, as in most containers.
  const limits =
    'cd /proc/sys/user; echo 0 > max_net_namespaces; echo 0 > max_user_namespaces; exec "$@"';
  const before = ['unshare', '--user', '--map-root-user', 'sh', '-c', limits, 'sh'];

  test.skipIf(!inPrivate)('nothing is started, and it is said why and what to do', async () => {
    const { ended } = startLauncher({
      setup: { processes: 2 },
      plan: [['exit 0'], ['exit 0']],
      before,
    });
    const { code, err } = await ended;
    expect(code).toBe(1);
    expect(err).toMatch(
      /listen on every interface .* the kernel gives none \(unshare: .*No space left/,
    );
    expect(err).toMatch(/allow user namespaces.*\n.*--cap-add SYS_ADMIN.*\n.*--allow_open_port/);
    expect(err).not.toMatch(/pid/);
  });

  test('nothing is started where a program is missing', async () => {
    const env = { PATH: '/nowhere' };
    const { ended } = startLauncher({
      setup: { processes: 2 },
      plan: [['exit 0'], ['exit 0']],
      env,
    });
    const { code, err } = await ended;
    expect(code).toBe(1);
    expect(err).toMatch(/there is no `unshare` \(package util-linux\)/);
  });

  test('it goes on where that is allowed, at ports that others reach', async () => {
    const setup = { processes: 2, openPort: true };
    const { outside } = await served({ setup, env: { PATH: '/nowhere' } });
    expect(outside).toContain(true);
  });
});

describe.skipIf(!inPrivate)('processes', { concurrent: true }, () => {
  const run = (plan: Launching['plan'], setup: object = {}) =>
    startLauncher({ setup: { processes: plan.length, ...setup }, plan });

  test('end with the code of rank 0; the others have no output, and their errors a rank', async () => {
    const { code, out, err } = await run([['exit 0'], ['exit 0'], ['exit 0']]).ended;
    expect({ code, out }).toEqual({ code: 0, out: 'out 0\n' });
    expect(err).toMatch(/^rank 0 of 3/m);
    expect(err).toMatch(/^\[rank 2\] rank 2 of 3/m);
  });

  test.each(['SIGTERM', 'SIGHUP'] as const)(
    'asked to end by %s, all end and rank 0 saves',
    async (signal) => {
      const { child, lines, ended } = run([['wait'], ['wait'], ['wait']]);
      await lines(/, pid/g, 3);
      child.kill(signal);
      const { code, err } = await ended;
      expect(code).toBe({ SIGTERM: 143, SIGHUP: 129 }[signal]);
      expect(err.match(/is asked to end/g)).toHaveLength(3);
      expect(err).not.toMatch(/launcher:/);
      expect(pidsIn(err).filter(isRunning)).toEqual([]);
    },
  );

  test('Ctrl-C in a terminal reaches all at once, and counts once', async () => {
    const { child, lines, ended } = run([['wait'], ['wait']]);
    await lines(/, pid/g, 2);
    process.kill(-(child.pid ?? 0), 'SIGINT');
    const { code, err } = await ended;
    expect(code).toBe(130);
    expect(err.match(/is asked to end/g)).toHaveLength(2);
  });

  test('a second signal ends all at once', async () => {
    const { child, lines, ended } = run([['hang'], ['hang']]);
    const pids = (await lines(/, pid (\d+)/g, 2)).map(([, pid]) => Number(pid));
    child.kill('SIGTERM');
    await new Promise((done) => setTimeout(done, 900)); // sooner it would be an echo of the first
    expect(pids.filter(isRunning)).toEqual(pids);
    child.kill('SIGTERM');
    expect((await ended).code).toBe(143);
    await expect.poll(() => pids.filter(isRunning)).toEqual([]);
  });

  test('none is left when the launcher is killed, also of those that are stopped', async () => {
    const { child, lines, ended } = run([['hang'], ['hang'], ['hang']]);
    const pids = (await lines(/, pid (\d+)/g, 3)).map(([, pid]) => Number(pid));
    process.kill(pids[1] ?? 0, 'SIGSTOP');
    child.kill('SIGKILL');
    await ended;
    await expect.poll(() => pids.filter(isRunning)).toEqual([]);
  });

  test.each([
    [
      [['hang'], ['kill SIGKILL'], ['wait']],
      137,
      'rank 1 was killed (SIGKILL): by somebody, or by',
    ],
    [[['wait'], ['wait'], ['kill SIGSEGV']], 139, 'rank 2 was ended by SIGSEGV'],
    [[['exit 75'], ['kill SIGSTOP']], 75, 'rank 1 gave no sign of life after another was lost'],
    [[['wait'], ['exit 1']], 1, 'rank 1 failed with code 1'],
    [[['exit 0'], ['hang']], 0, 'rank 1 gave no sign of life'],
  ])('%j: all end, code %i, and it is said why', async (plan, expected, words) => {
    const { code, err } = await run(plan).ended;
    expect(code).toBe(expected);
    expect(err).toContain(`launcher: ${words}`);
    expect(pidsIn(err).filter(isRunning)).toEqual([]);
  });

  test('that all fail alike have said it themselves', async () => {
    const { code, err } = await run([['exit 1'], ['exit 1']]).ended;
    expect(code).toBe(1);
    expect(err).not.toMatch(/launcher:/);
  });

  test('are started again after a loss, with another secret, as often as allowed', async () => {
    const plan = [
      ['exit 75', 'exit 75', 'exit 0'],
      ['kill SIGKILL', 'kill SIGABRT', 'exit 0'],
    ];
    const { code, err } = await run(plan, { restarts: 2 }).ended;
    expect(code).toBe(0);
    expect(err).toMatch(/newest checkpoint, restart 2 of 2/);
    expect(new Set([...err.matchAll(/secret (\w+)/g)].map(([, secret]) => secret)).size).toBe(3);
    const once = await run(plan, { restarts: 1 }).ended;
    expect(once.code).toBe(134);
  });

  test('are not started again where one says what is wrong, or somebody asked', async () => {
    const wrong = await run([['exit 75'], ['exit 1', 'exit 0']], { restarts: 3 }).ended;
    expect(wrong.code).toBe(1);
    expect(wrong.err).not.toMatch(/starting again/);
    const { child, lines, ended } = run([['wait'], ['wait']], { restarts: 3 });
    await lines(/, pid/g, 2);
    child.kill('SIGTERM');
    const { code, err } = await ended;
    expect(code).toBe(143);
    expect(err).not.toMatch(/starting again/);
  });
});
