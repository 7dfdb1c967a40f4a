import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type OtherCpu, otherCpu } from './other_cpu.ts';
import type { SurveyHashes, SurveyTask } from './survey.child.ts';

/** Where a survey is made: on which CPU, and under which other variables. */
export interface Place {
  readonly cpu?: OtherCpu;
  readonly environment?: Readonly<Record<string, string>>;
}

/**
 * Runs the survey in a process of its own, as on another CPU where one is given.
 * @throws where no process can be made to see another CPU: there is no gcc.
 */
export async function surveyOn(
  task: SurveyTask,
  { cpu, environment = {} }: Place = {},
): Promise<SurveyHashes> {
  const seen = cpu === undefined ? {} : otherCpu(cpu);
  if (seen === undefined) throw new Error('cpuid: gcc is needed to see another CPU');
  const child = fileURLToPath(new URL('survey.child.ts', import.meta.url));
  const env = { ...process.env, ...environment, ...seen };
  return JSON.parse(await outputOf(['--import', 'tsx', child, JSON.stringify(task)], env));
}

/** What a Node process writes. @throws with its error output where it fails */
export function outputOf(args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const text = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (chunk: string) => {
        text[name] += chunk;
      });
    child.on('error', fail);
    child.on('close', (code) => {
      if (code === 0) done(text.stdout);
      else fail(new Error(`the process ended with ${code}:\n${text.stderr}`));
    });
  });
}
