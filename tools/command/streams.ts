import { errorCode, systemErrorText } from '../../harness/base/index.ts';

/** What a write says when whoever read it has gone: the pipe is closed, or the terminal has hung up. */
const GONE = new Set(['EPIPE', 'EIO', 'ECONNRESET', 'ERR_STREAM_DESTROYED']);

/**
 * Lets no reader of the output end the command by an error. What goes to stderr may be lost: a run is worth more than its
 * progress. Without a reader of stdout a command ends quietly, as `… | head` expects.
 * @param goesOn where there is more to the command than its output, e.g. a run
 */
export function outliveReaders(name: string, goesOn: boolean): void {
  process.stderr.on('error', () => {});
  let told = false;
  process.stdout.on('error', (error) => {
    const lost = GONE.has(errorCode(error) ?? '');
    if (!lost && !goesOn) process.exitCode = 1;
    if (!lost && !told)
      process.stderr.write(`${name}: cannot write to stdout: ${systemErrorText(error)}\n`);
    told = true;
    if (!goesOn) process.exit();
  });
}
