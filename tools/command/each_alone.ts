import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { owned } from './owned.ts';
import { root } from './root.ts';

/**
 * Runs a script once for each of several command lines, in a process of its own each, one after another: what a
 * process computes with, lanes and instruction sets, is fixed at its start.
 * @param signal tells the one that runs to save and end; none is started after
 * @returns the largest exit code
 */
export async function eachAlone(
  script: string,
  lines: readonly (readonly string[])[],
  signal: AbortSignal,
): Promise<number> {
  let worst = 0;
  for (const line of lines) {
    if (signal.aborted) break;
    const child = spawn(process.execPath, [join(root, 'scripts', script), ...line], {
      stdio: 'inherit',
    });
    const stop = () => child.kill('SIGTERM');
    signal.addEventListener('abort', stop, { once: true });
    const [code] = await once(owned(child), 'close');
    signal.removeEventListener('abort', stop);
    worst = Math.max(worst, typeof code === 'number' ? code : 1);
  }
  return worst;
}
