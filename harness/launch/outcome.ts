import type { RankEnd } from './ranks.ts';

/** The exit code of a process that has lost another one, or the connection to it. */
export const PEER_LOST = 75; // EX_TEMPFAIL of sysexits.h

const SIGNALS: Readonly<Record<string, number>> = {
  SIGHUP: 129,
  SIGINT: 130,
  SIGQUIT: 131,
  SIGILL: 132,
  SIGABRT: 134,
  SIGBUS: 135,
  SIGFPE: 136,
  SIGKILL: 137,
  SIGSEGV: 139,
  SIGTERM: 143,
};
const SIGTERM_CODE = 143;
const ASKED = [129, 130, SIGTERM_CODE];

/** What came of a run's processes. */
export interface Outcome {
  /** The exit code that says it. */
  readonly code: number;
  /** What to tell of those that failed; none where each has told it itself. */
  readonly lines: readonly string[];
  /** Whether another try may end otherwise: a process was lost, and nobody asked for the end. */
  readonly mayMend: boolean;
}

/**
 * Finds what ended a run: the first process that failed for a reason of its own, not because another was lost.
 * @param ends in the order in which they came
 * @param asked the exit code that says who asked for the end, where somebody did
 */
export function outcomeOf(ends: readonly RankEnd[], asked: number | undefined): Outcome {
  const first = ends.find(({ rank }) => rank === 0) ?? ends[0];
  if (first === undefined) return { code: asked ?? 1, lines: [], mayMend: false };
  const code = codeOf(first);
  if (code === 0) return { code, lines: late(ends), mayMend: false };
  if (asked !== undefined && code === SIGTERM_CODE)
    return { code: asked, lines: [], mayMend: false };
  if (ASKED.includes(code) && first.signal === undefined && !first.forced) {
    // Another process found something wrong, said it, and asked rank 0 to save.
    const wrong = asked === undefined ? ends.map(codeOf).find(isOwn) : undefined;
    return { code: wrong ?? code, lines: [], mayMend: false };
  }
  const failed = ends.filter((end) => codeOf(end) !== 0);
  const own = failed.filter((end) => !end.forced && codeOf(end) !== PEER_LOST);
  const hung = failed.filter(({ forced }) => forced);
  const culprits = own.length > 0 ? own.slice(0, 1) : hung;
  const [culprit = first] = culprits;
  const mayMend = asked === undefined && (isLost(culprit) || own.length === 0);
  return { code: codeToTell(culprit), lines: linesOf(ends, culprits), mayMend };
}

function isOwn(code: number): boolean {
  return code !== 0 && code !== PEER_LOST && code < 128;
}

/** By signal, or not even started; a process that says itself what is wrong will say it again. */
function isLost({ signal, code, notStarted }: RankEnd): boolean {
  return notStarted === undefined && (signal !== undefined || code === PEER_LOST);
}

// What hung was killed from here: to a caller that is a lost process, not a kill.
function codeToTell(end: RankEnd): number {
  return end.forced ? PEER_LOST : codeOf(end);
}

function codeOf({ code, signal, notStarted }: RankEnd): number {
  if (notStarted !== undefined) return 1;
  return signal === undefined ? (code ?? 1) : (SIGNALS[signal] ?? 1);
}

function linesOf(ends: readonly RankEnd[], culprits: readonly RankEnd[]): string[] {
  const codes = new Set(ends.map(codeOf));
  // All have failed alike and said why.
  if (codes.size === 1 && ends.every(({ code }) => code !== undefined)) return [];
  return culprits.map((one) => `rank ${one.rank} ${how(one)}; the run ended with it`);
}

function late(ends: readonly RankEnd[]): string[] {
  const failed = ends.filter((end) => codeOf(end) !== 0);
  return failed.map((one) => `rank ${one.rank} ${how(one)} when the run was over; nothing is lost`);
}

function how({ code, signal, notStarted, forced }: RankEnd): string {
  if (notStarted !== undefined) return `could not be started (${notStarted})`;
  if (forced) return 'gave no sign of life after another was lost, and was ended';
  if (signal === 'SIGKILL')
    return 'was killed (SIGKILL): by somebody, or by the kernel because memory ran out';
  if (signal !== undefined) return `was ended by ${signal}`;
  if (code === PEER_LOST) return 'lost the others';
  return `failed with code ${code}`;
}
