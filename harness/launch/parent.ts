import koffi from 'koffi';
import { exitNow } from '../run/exit_now.ts';
import { PARENT } from '../run/started_by.ts';

const SET_DEATH_SIGNAL = 1; // PR_SET_PDEATHSIG of prctl(2)
const KILL = 9;

/**
 * From here on the kernel ends this process with the one that launched it, however that ends, also where this one is
 * stopped or hangs. A launcher that was told to end asks its processes first; this is for one that was killed.
 */
export function endWithLauncher(): void {
  const launcher = process.env[PARENT];
  if (launcher === undefined) return;
  const prctl = koffi.load(null).func('int prctl(int, unsigned long)');
  prctl(SET_DEATH_SIGNAL, KILL);
  // It may have ended before.
  if (process.ppid !== Number(launcher)) exitNow(1);
}
