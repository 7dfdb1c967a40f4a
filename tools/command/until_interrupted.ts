import { Interrupted, onInterrupt } from '../../harness/run/interrupt.ts';

/**
 * Does work that ends soon once its signal is aborted, by Ctrl-C and its like.
 * @param doing what is done about it, for the message
 * @throws Interrupted with the exit code, where the work threw it
 */
export async function untilInterrupted<T>(
  doing: string,
  body: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const interruption = onInterrupt((message) => process.stderr.write(`\n${message}\n`), doing);
  try {
    return await body(interruption.signal);
  } catch (error) {
    if (error instanceof Interrupted) error.code = interruption.code();
    throw error;
  } finally {
    interruption.dispose();
  }
}
