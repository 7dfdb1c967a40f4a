import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { UserError } from '../../harness/base/index.ts';
import { Interrupted, onInterrupt } from '../../harness/run/interrupt.ts';
import { PARENT } from '../../harness/run/started_by.ts';
import { root } from '../command/root.ts';

/**
 * Reproduces a recipe in a process of its own, as one process computes with one number of lanes. Goes on with what the
 * folder has.
 * @throws Interrupted when it is told to stop; UserError where it fails, which it has said itself
 */
export async function reproduceRun(name: string, workDir: string, data: string): Promise<void> {
  const script = resolve(root, 'scripts/reproduce.mjs');
  const line = [script, name, '--work_dir', workDir, '--data', data];
  const env = { ...process.env, [PARENT]: String(process.pid) };
  const child = spawn(process.execPath, line, { stdio: ['ignore', 'ignore', 'inherit'], env });
  const interruption = onInterrupt((message) => process.stderr.write(`\n${message}\n`));
  const stop = () => void child.kill('SIGTERM');
  interruption.signal.addEventListener('abort', stop, { once: true });
  try {
    const code = await new Promise<number | null>((done, fail) => {
      child.on('error', fail);
      child.on('close', done);
    });
    if (interruption.signal.aborted)
      throw Object.assign(new Interrupted('stopped; the same command goes on from here'), {
        code: interruption.code(),
      });
    if (code !== 0)
      throw new UserError(`${name} could not be made again: reproduce ended with ${code}`);
  } finally {
    interruption.dispose();
  }
}
