import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Found, Task } from './ids.child.ts';

const CHILD = fileURLToPath(new URL('ids.child.ts', import.meta.url));

/** Runs a task in a process of its own: lanes and kernels are settled once a process. */
export async function inProcess(
  task: Task,
  environment: Readonly<Record<string, string>> = {},
): Promise<Found> {
  const args = ['--import', 'tsx', CHILD, JSON.stringify(task)];
  const env = { ...process.env, ...environment };
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  return JSON.parse(stdout);
}
