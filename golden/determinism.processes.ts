import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Hashes, Task } from './determinism.child.ts';

const CHILD = fileURLToPath(new URL('determinism.child.ts', import.meta.url));

/** Runs a task in a process of its own: the pools of libtensorflow are made once a process. */
export function inProcess(
  task: Task,
  environment: Readonly<Record<string, string>> = {},
): Promise<Hashes> {
  const args = ['--import', 'tsx', CHILD, JSON.stringify(task)];
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, args, {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const text = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (chunk: string) => {
        text[name] += chunk;
      });
    child.on('error', fail);
    child.on('close', (code) => {
      if (code === 0) done(JSON.parse(text.stdout));
      else fail(new Error(`the process ended with ${code}:\n${text.stderr}`));
    });
  });
}
