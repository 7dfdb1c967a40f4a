import koffi from 'koffi';

const EXCLUSIVE_NOW = 2 | 4; // LOCK_EX | LOCK_NB of flock(2)
const WOULD_BLOCK = 11; // EWOULDBLOCK
const INTERRUPTED = 4; // EINTR

/** What came of asking for a lock. `unsupported` is of the file system, e.g. Lustre without `-o flock`. */
export type Flocked =
  | { readonly kind: 'held' | 'taken' }
  | { readonly kind: 'unsupported'; readonly errno: number };

type Flock = (file: number, operation: number) => number;
let bound: Flock | undefined;

/** Asks the kernel for the lock on an open file, without waiting. */
export function flock(file: number): Flocked {
  // From what is loaded already, so that a library put before libc is asked too.
  bound ??= koffi.load(null).func('int flock(int, int)') as Flock;
  for (;;) {
    if (bound(file, EXCLUSIVE_NOW) === 0) return { kind: 'held' };
    const errno = koffi.errno();
    if (errno === INTERRUPTED) continue;
    return errno === WOULD_BLOCK ? { kind: 'taken' } : { kind: 'unsupported', errno };
  }
}
