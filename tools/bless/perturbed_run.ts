import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { checkRecord, type RunRecord } from '../../harness/record/record.ts';
import type { RunRequest } from '../../harness/verify/bless.ts';
import { root } from '../command/root.ts';

/**
 * Makes a perturbed run, in a process of its own: oneDNN chooses its kernels once.
 * @param data folder of data
 */
export async function perturbedRun(
  { experiment, perturbation, workDir, stopAfterEpoch, instructions }: RunRequest,
  data: string,
): Promise<RunRecord> {
  mkdirSync(workDir, { recursive: true });
  const spec = join(workDir, '..', 'experiment.json');
  writeFileSync(spec, JSON.stringify(experiment));
  const line = [resolve(root, 'scripts/perturbed.mjs'), spec, '--work_dir', workDir];
  const more = { perturbation, stop_after: stopAfterEpoch, data };
  const options = Object.entries(more).flatMap(([key, value]) => [`--${key}`, String(value)]);
  const limit = instructions === undefined ? {} : { ONEDNN_MAX_CPU_ISA: instructions };
  const { code, text } = await output([...line, ...options], { ...process.env, ...limit });
  if (code !== 0) throw new Error(`perturbed run ${perturbation} ended with ${code}`);
  return checkRecord(JSON.parse(text), `perturbed run ${perturbation}`);
}

function output(
  line: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ readonly code: number | null; readonly text: string }> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, line, { stdio: ['ignore', 'pipe', 'inherit'], env });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    child.on('error', fail);
    child.on('close', (code) => done({ code, text }));
  });
}
