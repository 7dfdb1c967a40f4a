import { type ChildProcess, fork } from 'node:child_process';
import { freePorts } from '../../launch/ports.ts';

/** What a process of a test is told when it starts, in `PLACE`. */
export interface TestPlace {
  readonly rank: number;
  /** `127.0.0.1:port` of each process, by rank. */
  readonly servers: readonly string[];
  /** Whether tensors go straight from process to process, or by collectives. */
  readonly connect: boolean;
}

export const PLACE = 'REPRISE_TEST_PLACE';

/** What a process of a test sends back: a result, or why there is none. */
export type Answer<T> = { readonly result: T } | { readonly error: string };

/**
 * Processes with a TensorFlow server each, which work on one task after another together. `serve` is the other
 * side. TensorFlow takes seconds to start, so a test starts them once for many tasks.
 */
export class TestProcesses<Task, Result> {
  private readonly children: readonly ChildProcess[];
  private stderr = '';
  private readonly failed: Promise<never>;
  private ending = false;

  private constructor(children: readonly ChildProcess[]) {
    this.children = children;
    this.failed = new Promise((_, fail) => {
      children.forEach((child, rank) => {
        child.stderr?.setEncoding('utf8').on('data', (text: string) => {
          this.stderr += text;
        });
        child.on('error', fail);
        child.on('close', (code, signal) => {
          if (!this.ending)
            fail(new Error(`process ${rank} ended with ${code ?? signal}:\n${this.stderr}`));
        });
      });
    });
    this.failed.catch(() => this.kill());
  }

  /**
   * @param file a module that calls `serve`
   * @param connect as of `TestPlace`
   */
  static async start<Task, Result>(file: string, count: number, connect = true) {
    const ports = await freePorts(count);
    const servers = ports.map((port) => `127.0.0.1:${port}`);
    const children = servers.map((_, rank) =>
      fork(file, {
        execArgv: ['--import', 'tsx'],
        env: {
          ...process.env,
          [PLACE]: JSON.stringify({ rank, servers, connect } satisfies TestPlace),
        },
        serialization: 'advanced',
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      }),
    );
    return new TestProcesses<Task, Result>(children);
  }

  /** The same task for all. @returns their results, by rank. @throws what a process threw, or that one ended */
  async ask(task: Task): Promise<Result[]> {
    const answers = this.children.map(
      (child) => new Promise<Answer<Result>>((done) => child.once('message', done)),
    );
    for (const child of this.children) child.send(task as object);
    const all = await Promise.race([Promise.all(answers), this.failed]);
    return all.map((answer, rank) => {
      if ('error' in answer) throw new Error(`process ${rank}: ${answer.error}`);
      return answer.result;
    });
  }

  /** TensorFlow's servers end with their processes and in no other way. */
  kill(): void {
    this.ending = true;
    for (const child of this.children) child.kill('SIGKILL');
  }
}
