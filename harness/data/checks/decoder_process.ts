import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Answer, Refused, Request } from './decoder_child.ts';

/** Signals by which a process ends that a file has led astray; by others somebody ends it. */
const CRASHES: readonly string[] = ['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGILL', 'SIGFPE', 'SIGTRAP'];

export interface DecoderOptions {
  /** Files that are decoded at a time. */
  readonly threads: number;
  /** Leaves the processors to whoever else wants them. */
  readonly background: boolean;
}

/** The decoder ended while it had files in hand. */
class Crash extends Error {
  readonly signal: string;

  constructor(signal: string) {
    super(`the decoder ended by ${signal}`);
    this.signal = signal;
  }
}

/**
 * A process of its own that decodes image files: at the lowest priority where that is asked for, and no
 * file that ends it ends the run.
 */
export class DecoderProcess {
  private readonly options: DecoderOptions;
  private child: Promise<ChildProcess> | undefined;
  private closed = false;

  constructor(options: DecoderOptions) {
    this.options = options;
  }

  /**
   * The files that cannot be used, in order; one on which the decoder itself breaks is among them.
   * @throws Error where the process cannot be started, or was ended by somebody.
   */
  async refused(paths: readonly string[]): Promise<Refused[]> {
    try {
      return [...(await this.ask(paths))];
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      this.child = undefined;
      const [path] = paths;
      if (paths.length === 1)
        return [{ at: 0, message: `${path} breaks the decoder (${error.signal}); copy it again` }];
      return this.oneByOne(paths);
    }
  }

  async dispose(): Promise<void> {
    this.closed = true;
    const child = await this.child?.catch(() => undefined);
    child?.kill('SIGKILL');
  }

  private async oneByOne(paths: readonly string[]): Promise<Refused[]> {
    const all: Refused[] = [];
    for (const [at, path] of paths.entries())
      for (const { message } of await this.refused([path])) all.push({ at, message });
    return all;
  }

  private async ask(paths: readonly string[]): Promise<readonly Refused[]> {
    if (this.closed) throw new Error('the decoder is closed');
    this.child ??= this.started();
    const child = await this.child;
    const answer = answerOf(child, paths);
    child.send({ paths } satisfies Request);
    return (await answer).refused ?? [];
  }

  private async started(): Promise<ChildProcess> {
    const { threads, background } = this.options;
    const path = fileURLToPath(new URL('./decoder_child.mjs', import.meta.url));
    const child = fork(path, [String(threads), background ? 'lowest' : 'usual'], {
      execArgv: [],
      env: { ...process.env, UV_THREADPOOL_SIZE: String(Math.max(2, threads)) },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    await answerOf(child, []);
    return child;
  }
}

function answerOf(child: ChildProcess, paths: readonly string[]): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const over = () => {
      child.off('message', heard).off('error', failed).off('exit', ended);
    };
    const heard = (answer: Answer) => {
      over();
      resolve(answer);
    };
    const failed = (error: Error) => {
      over();
      reject(error);
    };
    const ended = (code: number | null, signal: string | null) => {
      over();
      const crashed = paths.length > 0 && (signal === null || CRASHES.includes(signal));
      const how = signal ?? `code ${code}`;
      reject(crashed ? new Crash(how) : new Error(`the decoder was ended (${how})`));
    };
    child.on('message', heard).on('error', failed).on('exit', ended);
  });
}
