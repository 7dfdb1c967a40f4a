import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tiny } from './train.fixture.ts';

const script = new URL('./train.mjs', import.meta.url).pathname;
const root = new URL('..', import.meta.url).pathname;

/** A run long enough to be disturbed in, without a checkpoint in between but at the end of each 4 epochs. */
export const long = {
  ...tiny,
  accumulate: 1,
  epochs: 4,
  data: { ...tiny.data, train: { ...tiny.data.train, count: 512 } },
  checkpoint: { everyEpochs: 2 },
  evaluation: undefined,
};

/** Compiles the library that makes calls fail; undefined, with a word on stderr, where there is no gcc. */
export function troubleLibrary(folder: string): string | undefined {
  const library = join(folder, 'trouble.so');
  const source = new URL('./trouble.fixture.c', import.meta.url).pathname;
  const { status } = spawnSync('gcc', ['-shared', '-fPIC', '-o', library, source, '-ldl']);
  if (status === 0) return library;
  process.stderr.write('NOT CHECKED: runs on file systems that lack calls; install gcc\n');
  return undefined;
}

/** Starts a line of bash with a standard input of its own; `TRAIN` in it stands for the command. */
export function startLine(line: string, env: NodeJS.ProcessEnv = {}) {
  const text = line.replaceAll('TRAIN', `"${process.execPath}" "${script}"`);
  const child = spawn('bash', ['-c', text], {
    cwd: root,
    env: { ...process.env, UV_USE_IO_URING: '0', ...env },
    detached: true,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data) => {
      output += data;
    });
  const ended = new Promise<number | null>((done) => child.once('exit', done));
  // When all that it started has ended too, and what they wrote has been read.
  const closed = new Promise<void>((done) => child.once('close', () => done()));
  return { child, ended, closed, output: () => output };
}

/** Waits until a run has written down so many steps. */
export async function stepsIn(workDir: string, count: number): Promise<void> {
  await until(() => rowsOf(workDir).length > count);
}

/** The lines of a work directory's `steps.csv`, with the header. */
export function rowsOf(workDir: string): string[] {
  const path = join(workDir, 'steps.csv');
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];
}

/** Processes that train in a work directory. */
export function processesIn(workDir: string): number[] {
  const { stdout } = spawnSync('pgrep', ['-f', `train.mjs.*--work_dir ${workDir}( |$)`], {
    encoding: 'utf8',
  });
  const all = stdout.split('\n').filter(Boolean).map(Number);
  return all.filter((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('node'));
}

/** @throws after three minutes */
export async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    if (tries > 3600) throw new Error('waited for three minutes');
    await new Promise((done) => setTimeout(done, 50));
  }
}
