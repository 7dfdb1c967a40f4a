import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';

const launcher = fileURLToPath(new URL('./launcher.fixture.mjs', import.meta.url));

/** What each rank does, in each try. */
export type Plan = readonly (readonly string[])[];

export interface Launching {
  readonly setup: Readonly<Record<string, unknown>>;
  readonly plan: Plan;
  /** The words before the command, e.g. of `setpriv`. */
  readonly before?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** Starts a launcher in a process group of its own. */
export function startLauncher({ setup, plan, before = [], env = {} }: Launching) {
  const line = [process.execPath, launcher, JSON.stringify(setup), JSON.stringify(plan)];
  const [file = '', ...words] = [...before, ...line];
  const child = spawn(file, words, { detached: true, env: { ...process.env, ...env } });
  const said = { out: '', err: '' };
  const wake = new EventTarget();
  const hear = (name: 'out' | 'err') => (data: unknown) => {
    said[name] += data;
    wake.dispatchEvent(new Event('more'));
  };
  child.stdout.on('data', hear('out'));
  child.stderr.on('data', hear('err'));
  const ended = once(child, 'close').then(([code, signal]) => {
    wake.dispatchEvent(new Event('more'));
    return { code, signal, ...said };
  });
  /** Waits until so many lines are like this. */
  const lines = async (pattern: RegExp, count: number): Promise<RegExpMatchArray[]> => {
    for (;;) {
      const found = [...said.err.matchAll(pattern)];
      if (found.length >= count) return found;
      if (child.exitCode !== null) throw new Error(`it ended, and said: ${said.err}`);
      await once(wake, 'more');
    }
  };
  return { child, ended, lines, said };
}

/** The process numbers that ranks have told. */
export function pidsIn(text: string): number[] {
  return [...text.matchAll(/, pid (\d+),/g)].map(([, pid]) => Number(pid));
}

export function isRunning(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout.trim() !== '' && !stdout.trim().startsWith('Z');
}

/** Whether something answers there, asked from this process's network. */
export async function isReachable(port: number, host: string): Promise<boolean> {
  const socket = connect({ port, host, timeout: 2000 });
  try {
    await Promise.race([
      once(socket, 'connect'),
      once(socket, 'timeout').then(() => Promise.reject()),
    ]);
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

const NOBODY = '65534';
/** Words that start a program as a user without any right. */
export const asNobody = ['setpriv', '--reuid', NOBODY, '--regid', NOBODY, '--clear-groups'];

/** Whether this machine lets these words run a private network; says loudly where a test is left out for it. */
export function allows(what: string, ...words: readonly string[]): boolean {
  const [file = '', ...rest] = [...words, 'true'];
  const { status, stderr, error } = spawnSync(file, rest, { encoding: 'utf8' });
  if (status === 0) return true;
  process.stderr.write(`NOT CHECKED: ${what}; ${stderr?.trim() || error?.message}\n`);
  return false;
}
