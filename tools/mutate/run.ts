import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { MutationSet } from '../../golden/mutations/mutation.ts';
import { PARENT } from '../../harness/run/started_by.ts';
import { owned } from '../command/owned.ts';
import { root } from '../command/root.ts';

/** What came of a training. */
export type Trained =
  | { readonly workDir: string; readonly failure?: undefined }
  | { readonly failure: string };

/** Trains in a tree, in a process of its own. */
export function trainIn(
  tree: string,
  {
    experiment,
    benchmark,
    set,
    pretrained,
  }: Pick<MutationSet, 'experiment' | 'benchmark' | 'set' | 'pretrained'>,
  workDir: string,
): Promise<Trained> {
  const settings = set.flatMap((setting) => ['--set', setting]);
  const options = ['--workers', '0', '--work_dir', workDir]; // workers would start longer than they work
  if (pretrained !== undefined) options.push('--pretrained', join(root, pretrained));
  const what = benchmark ? ['benchmark.mjs', experiment, 'random'] : ['train.mjs', experiment];
  const [script = '', ...names] = what;
  const line = [join(tree, 'scripts', script), ...names, ...settings, ...options];
  return new Promise((done, fail) => {
    const env = { ...process.env, [PARENT]: String(process.pid) };
    const stdio = ['ignore', 'ignore', 'pipe'] as const;
    const child = owned(spawn(process.execPath, line, { cwd: tree, stdio: [...stdio], env }));
    let text = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    child.on('error', fail);
    child.on('close', (code) => done(code === 0 ? { workDir } : { failure: lastLine(text) }));
  });
}

/** The last line that is not of a stack. */
function lastLine(text: string): string {
  const lines = text.trim().split('\n');
  return lines.filter((line) => !/^\s+at /.test(line)).at(-1) ?? '';
}
