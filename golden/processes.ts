import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { places } from '../harness/cluster/group.fixture.ts';
import type { Place } from '../harness/cluster/place.ts';
import { environmentOf } from '../harness/cluster/place_variable.ts';
import type { Chains, Task } from './processes.child.ts';

const CHILD = fileURLToPath(new URL('processes.child.ts', import.meta.url));
const TIMEOUT = 120;

/** Trains the experiments of a task in so many processes. @returns what rank 0 says */
export async function inProcesses(count: number, task: Task): Promise<Chains> {
  if (count === 1) return child(task, undefined);
  const all = (await places(count, TIMEOUT)).map((place) => child(task, place));
  const ended = await Promise.allSettled(all);
  const failed = ended.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : []));
  if (failed.length > 0) throw new Error(failed.join('\n'));
  const [first] = await Promise.all(all);
  return first ?? [];
}

function child(task: Task, place: Place | undefined): Promise<Chains> {
  const args = ['--import', 'tsx', CHILD, JSON.stringify(task)];
  const environment = place === undefined ? {} : environmentOf(place);
  return new Promise((done, fail) => {
    const one = spawn(process.execPath, args, {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const text = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      one[name].setEncoding('utf8').on('data', (chunk: string) => {
        text[name] += chunk;
      });
    one.on('error', fail);
    one.on('close', (code, signal) => {
      if (code === 0) done(JSON.parse(text.stdout) as Chains);
      else
        fail(new Error(`rank ${place?.rank ?? 0} ended with ${code ?? signal}:\n${text.stderr}`));
    });
  });
}
