import { readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

/** A command that names its own process here ends its children with itself, however it ends. */
export const PARENT = 'REPRISE_PARENT';

const POLL_MS = 1000;
const RUNNER = /^(npm|npx|pnpm|pnpx|yarn|yarnpkg|bun|bunx)(-cli)?(\.[cm]?js)?$/;
const SHELL = /^(ba|da|k|z|a)?sh$/;
const HANGUP = 1n; // bit of SIGHUP in the masks of /proc/PID/status

/** What /proc says of a process. */
interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** Kernel's time of its start. */
  readonly started: string;
  /** Whether it has ended and only its number is left. */
  readonly ended: boolean;
}

/**
 * Calls `gone` once the program that waits for this one has ended, in which case nobody can stop this one any more
 * that means to: `npx` and its like, which pass on no signal that they die of, a command of ours that started it
 * (`REPRISE_PARENT`), and any parent in whose process group this one runs in the foreground. A command that was put in
 * the background (nohup, setsid, `&`) is meant to outlive what started it, and npx under nohup the terminal.
 * @returns ends the watch
 */
export function watchStart(gone: () => void): () => void {
  const watched = starters();
  if (watched.length === 0) return () => {};
  // Under nohup a hangup is sent to the whole job and ends npx, as Node gives SIGHUP its effect back.
  const spared = hangupIgnored();
  let hungUp = false;
  const hear = () => {
    hungUp = true;
  };
  if (spared) process.on('SIGHUP', hear);
  const timer = setInterval(() => {
    if (watched.every((one, i) => one !== undefined && lives(one, i))) return;
    stop();
    if (!hungUp) gone();
  }, POLL_MS);
  timer.unref();
  const stop = () => {
    clearInterval(timer);
    process.off('SIGHUP', hear);
  };
  return stop;
}

/** What this process must not outlive; undefined for one that has ended already. */
function starters(): (Process | undefined)[] {
  const us = processOf(process.pid);
  if (us === undefined) return []; // no /proc here
  const named = process.env[PARENT];
  if (named !== undefined) return [processOf(Number(named))];
  const parent = processOf(us.parent);
  const above = parent === undefined ? undefined : processOf(parent.parent);
  if (parent !== undefined && isRunner(parent)) return [parent];
  // npm runs what it runs by `sh -c`.
  if (parent !== undefined && above !== undefined && isShell(parent) && isRunner(above))
    return [parent, above];
  if (startedByNpx()) return [undefined];
  return parent !== undefined && inForeground(us, parent) ? [parent] : [];
}

/** Whether npx ran this very process, by what it leaves in the environment. */
function startedByNpx(): boolean {
  const { npm_lifecycle_event: event, npm_lifecycle_script: script = '' } = process.env;
  return event === 'npx' && /^'?zx\b/.test(script) && basename(process.argv[1] ?? '') === 'zx';
}

// A shell gives each job a group of its own, and `&` in a script takes the terminal's input away.
function inForeground(us: Process, parent: Process): boolean {
  if (parent.pid <= 1 || us.group !== parent.group || us.group === us.pid) return false;
  return linkOf('/proc/self/fd/0') !== '/dev/null' && !hangupIgnored();
}

/**
 * Whether a hangup was to be ignored when this process began, as under nohup. Node gives every signal its usual effect
 * back at its start, so this is read from what nohup leaves elsewhere: `_` in the environment, an input that cannot be
 * read, and the masks of the processes above.
 */
export function hangupIgnored(): boolean {
  if (basename(process.env._ ?? '') === 'nohup') return true;
  if (linkOf('/proc/self/fd/0') === '/dev/null' && isWriteOnly(0)) return true;
  const us = processOf(process.pid);
  let above = us;
  while (above !== undefined && above.parent > 1) {
    above = processOf(above.parent);
    if (above === undefined || above.session !== us?.session) return false;
    if (ignoresHangup(above.pid)) return true;
  }
  return false;
}

function lives(one: Process, index: number): boolean {
  const now = processOf(one.pid);
  if (now === undefined || now.ended || now.started !== one.started) return false;
  return index > 0 || process.env[PARENT] !== undefined || process.ppid === one.pid;
}

function processOf(pid: number): Process | undefined {
  const text = textOf(`/proc/${pid}/stat`);
  const [state = '', parent, group, session, ...rest] = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ');
  if (state === '') return undefined;
  const [started = ''] = rest.slice(15);
  const ended = state === 'Z' || state === 'X';
  return {
    pid,
    parent: Number(parent),
    group: Number(group),
    session: Number(session),
    started,
    ended,
  };
}

/** Its own words, or of a script the interpreter's: npm puts all it was given into the first. */
function words({ pid }: Process): string[] {
  const [first = '', second = ''] = textOf(`/proc/${pid}/cmdline`).split('\0');
  return [first.split(' ')[0] ?? '', second].map((word) => basename(word));
}

function isRunner(one: Process): boolean {
  const [first = '', second = ''] = words(one);
  return RUNNER.test(first) || (/^(node|bun)/.test(first) && RUNNER.test(second));
}

function isShell(one: Process): boolean {
  const [first = '', second] = words(one);
  return SHELL.test(first) && second === '-c';
}

function ignoresHangup(pid: number): boolean {
  const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(textOf(`/proc/${pid}/status`))?.[1];
  return mask !== undefined && (BigInt(`0x${mask}`) & HANGUP) !== 0n;
}

function isWriteOnly(descriptor: number): boolean {
  const flags = /^flags:\s*([0-7]+)$/m.exec(textOf(`/proc/self/fdinfo/${descriptor}`))?.[1];
  return flags !== undefined && (Number.parseInt(flags, 8) & 3) === 1;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // it has ended, or there is no /proc
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
