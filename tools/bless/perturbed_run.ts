import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { writeAtomic } from '../../harness/base/index.ts';
import { checkRecord, type RunRecord } from '../../harness/record/record.ts';
import { Interrupted } from '../../harness/run/interrupt.ts';
import { PARENT } from '../../harness/run/started_by.ts';
import type { RunRequest } from '../../harness/verify/bless.ts';
import { root } from '../command/root.ts';

/**
 * Makes a perturbed run, in a process of its own: oneDNN chooses its kernels once.
 * @param data folder of data
 * @param signal tells it to save and end
 * @throws Interrupted once it did
 */
export async function perturbedRun(
  { experiment, perturbation, workDir, stopAfterEpoch, instructions }: RunRequest,
  data: string,
  signal?: AbortSignal,
): Promise<RunRecord> {
  const spec = join(workDir, '..', 'experiment.json');
  await writeAtomic(spec, JSON.stringify(experiment));
  const line = [resolve(root, 'scripts/perturbed.mjs'), spec, '--work_dir', workDir];
  const more = { perturbation, stop_after: stopAfterEpoch, data };
  const options = Object.entries(more).flatMap(([key, value]) => [`--${key}`, String(value)]);
  const limit = instructions === undefined ? {} : { ONEDNN_MAX_CPU_ISA: instructions };
  const env = { ...process.env, ...limit, [PARENT]: String(process.pid) };
  const { code, text } = await output([...line, ...options], env, signal);
  if (signal?.aborted) throw new Interrupted('stopped; the same command goes on from here');
  if (code !== 0) throw new Error(`perturbed run ${perturbation} ended with ${code}`);
  return checkRecord(JSON.parse(text), `perturbed run ${perturbation}`);
}

function output(
  line: readonly string[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal | undefined,
): Promise<{ readonly code: number | null; readonly text: string }> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, line, { stdio: ['ignore', 'pipe', 'inherit'], env });
    const stop = () => child.kill('SIGTERM');
    signal?.addEventListener('abort', stop, { once: true });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    child.on('error', fail);
    child.on('close', (code) => {
      signal?.removeEventListener('abort', stop);
      done({ code, text });
    });
  });
}
