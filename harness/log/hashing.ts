import { type Clock, clock as systemClock } from '../base/index.ts';
import type { Terminal } from './progress.ts';

/** Hashing that takes less than this is not reported. */
const PATIENCE_SECONDS = 2;
/** Seconds between two lines, where a line cannot be written over the one before. */
const LINE_SECONDS = 15;

/**
 * Says how far the hashing of a source is, from the moment that it takes longer than two seconds: in
 * place on a terminal, as a line now and then elsewhere.
 * @param what the source's place in the experiment, e.g. `data.train`
 * @returns for `OpenOptions.onProgress`
 */
export function hashingProgress(
  what: string,
  terminal: Terminal = process.stderr,
  clock: Clock = systemClock,
): (done: number, total: number) => void {
  const start = clock.seconds();
  const inPlace = terminal.isTTY === true;
  let next = start + PATIENCE_SECONDS;
  let shown = false;
  return (done, total) => {
    const now = clock.seconds();
    const last = done === total;
    if (last ? !shown : now < next) return;
    shown = true;
    next = now + (inPlace ? 0.2 : LINE_SECONDS);
    const rate = Math.round(done / Math.max(now - start, 1e-3));
    const rest = last
      ? `in ${Math.round(now - start)} s`
      : `${rate} a second; once only, their digests are kept`;
    const text = `${what}: hashed ${done} of ${total} images, ${rest}`;
    terminal.write(inPlace ? `\r\u001b[K${text}${last ? '\n' : ''}` : `${text}\n`);
  };
}
