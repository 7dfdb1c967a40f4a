import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A network namespace of a run's own: its ports are reached from inside alone, and no machine from there. */
export interface PrivateNetwork {
  /** The words to put before a command that is to run inside. It keeps its process number and its parent. */
  readonly enter: readonly string[];
  /** Lets go of it: it lasts until the last process inside has ended. */
  close(): void;
}

/** A private network, or why the kernel gives none. */
export type Opened =
  | { readonly kind: 'open'; readonly network: PrivateNetwork }
  | { readonly kind: 'refused'; readonly why: string };

const HOLDER = fileURLToPath(new URL('./network_holder.mjs', import.meta.url));
const OWN_USERS = ['--user', '--map-root-user'];

/**
 * Opens a private network: as root by a network namespace alone, as anybody else, and as a root without the right to do
 * so, by a user namespace around it, in which this user is called root. Files stay this user's.
 */
export async function openPrivateNetwork(): Promise<Opened> {
  const plain = process.geteuid?.() === 0 ? [[]] : [];
  let why = '';
  for (const users of [...plain, OWN_USERS]) {
    const opened = await opening(users);
    if (opened.kind === 'open') return opened;
    why = opened.why;
  }
  return { kind: 'refused', why };
}

async function opening(users: readonly string[]): Promise<Opened> {
  const line = [...users, '--net', process.execPath, HOLDER];
  const holder = spawn('unshare', line, { stdio: ['pipe', 'pipe', 'pipe'] });
  holder.stdin.on('error', () => {}); // it may have ended
  const answer = await answerOf(holder);
  if (answer !== 'up') return { kind: 'refused', why: answer };
  holder.unref();
  const target = ['--target', String(holder.pid), '--net'];
  const join = users.length === 0 ? target : [...target, '--user', '--preserve-credentials'];
  const enter = ['nsenter', ...join, '--'];
  const close = () => holder.stdin.destroy();
  const [file = '', ...words] = [...enter, 'true'];
  const tried = spawnSync(file, words, { encoding: 'utf8' });
  if (tried.status === 0) return { kind: 'open', network: { enter, close } };
  close();
  return { kind: 'refused', why: reasonOf(tried.error, tried.stderr, 'nsenter') };
}

/** The holder's first line, or what went wrong. */
function answerOf(holder: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    let [said, wrong] = ['', ''];
    holder.stdout?.on('data', (data) => {
      said += data;
      if (said.includes('\n')) resolve(said.trim());
    });
    holder.stderr?.on('data', (data) => {
      wrong += data;
    });
    holder.once('error', (error) => resolve(reasonOf(error, '', 'unshare')));
    holder.once('close', () => resolve(reasonOf(undefined, wrong, 'unshare')));
  });
}

function reasonOf(error: Error | undefined, stderr: string, program: string): string {
  if (error !== undefined && 'code' in error && error.code === 'ENOENT')
    return `there is no \`${program}\` (package util-linux)`;
  return stderr.trim().split('\n').at(-1) || error?.message || `\`${program}\` failed`;
}
