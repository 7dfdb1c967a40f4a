import { Worker } from 'node:worker_threads';
import type { Json } from '../base/canonical.ts';
import { UserError } from '../base/errors.ts';
import { noticeOnce } from '../base/notices.ts';
import { aloneGroup } from './alone_group.ts';
import { disagreement } from './compare_facts.ts';
import { type Failure, failureText } from './failure.ts';
import type { Group } from './group.ts';
import type { Place } from './place.ts';
import { MEMBER } from './wire/frames.ts';
import type { Order, Report, ThreadSetup } from './wire/orders.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const LONGEST = 10_000; // characters of a cause: what a terminal can show

export interface JoinOptions {
  /**
   * Called once, when a process is lost or ended by an error of its own. Every call to the group that waits throws,
   * and so does every later one. What computes has to be ended, and the process with it: TensorFlow's collectives
   * do not come back.
   */
  readonly onFailure: (failure: Failure) => void;
  /** Ends the waiting for the others. Afterwards it means nothing. */
  readonly signal?: AbortSignal;
}

/**
 * Joins the other processes of a run: rank 0 listens at the meeting, the others come to it. All have to be there
 * within the time-out. Both sides prove that they know the secret. To be called before TensorFlow's server is
 * started: it tries whether the server's port is free.
 * @throws UserError on every process, with one cause: a port in use, a host that is unknown or cannot be reached, a
 *   rank that is missing or there twice, another number of processes or another secret
 */
export async function joinGroup(place: Place, options: JoinOptions): Promise<Group> {
  options.signal?.throwIfAborted();
  if (place.servers.length === 1) return aloneGroup();
  const members = new Members(place, options);
  try {
    await members.joined(options.signal);
    return members;
  } catch (cause) {
    await members.close();
    throw cause;
  }
}

interface Waiting {
  readonly resolve: (parts: readonly Bytes[]) => void;
  readonly reject: (cause: Error) => void;
}

/** The process's side of the thread that holds its connections. */
class Members implements Group {
  readonly rank: number;
  readonly processes: number;
  readonly stopAsked: AbortSignal;
  readonly ended: Promise<number>;
  private readonly thread: Worker;
  private readonly onFailure: (failure: Failure) => void;
  private readonly stop = new AbortController();
  private readonly begun: Promise<void>;
  private settle: (refusal?: Error) => void = () => {};
  private finish: (code: number) => void = () => {};
  private done: () => void = () => {};
  private waiting: Waiting | undefined;
  private last: Promise<unknown> = Promise.resolve();
  /** Why nothing more can be asked. */
  private over: Error | undefined;
  private inside = false;

  constructor(place: Place, { onFailure }: JoinOptions) {
    this.rank = place.rank;
    this.processes = place.servers.length;
    this.stopAsked = this.stop.signal;
    this.onFailure = onFailure;
    this.ended = new Promise((resolve) => {
      this.finish = resolve;
    });
    this.begun = new Promise((resolve, reject) => {
      this.settle = (refusal) => (refusal === undefined ? resolve() : reject(refusal));
    });
    const url = new URL('./wire/thread.mjs', import.meta.url);
    this.thread = new Worker(url, { workerData: { place } satisfies ThreadSetup });
    this.thread.on('message', (report: Report) => this.hear(report));
    this.thread.on('error', (error) => {
      const why = `the thread of its connections failed: ${error.message}`;
      this.lose({ rank: this.rank, address: place.servers[this.rank] ?? '', why });
    });
  }

  async joined(signal: AbortSignal | undefined): Promise<void> {
    const stop = () =>
      this.order({ kind: 'fail', message: 'it was told to stop before all processes were there' });
    signal?.addEventListener('abort', stop);
    try {
      await this.begun;
    } catch (cause) {
      signal?.throwIfAborted();
      throw cause;
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  }

  /** Closes the connections. The process is not kept alive any longer. */
  async close(): Promise<void> {
    this.over ??= new Error('the group of processes is closed');
    await this.thread.terminate();
  }

  async exchange<T extends Json>(name: string, value: T): Promise<T[]> {
    const parts = await this.call(`exchange "${name}"`, textBytes(value));
    return parts.map((part) => valueIn<T>(part));
  }

  async gather(name: string, bytes: Uint8Array): Promise<Uint8Array[]> {
    return [...(await this.call(`gather "${name}"`, Uint8Array.from(bytes)))];
  }

  async broadcast<T extends Json>(name: string, value: T): Promise<T> {
    const own = this.rank === 0 ? textBytes(value) : new Uint8Array(0);
    const [first = new Uint8Array(0)] = await this.call(`broadcast "${name}"`, own);
    return valueIn<T>(first);
  }

  async compare(facts: Readonly<Record<string, string>>): Promise<void> {
    const parts = await this.call('compare', textBytes({ ...facts }));
    const differs = disagreement(parts.map((part) => valueIn<Record<string, string>>(part)));
    if (differs !== undefined) throw new UserError(differs);
  }

  askToStop(): void {
    if (this.rank === 0) this.stop.abort();
    else this.order({ kind: 'stop' });
  }

  async end(code: number): Promise<void> {
    if (this.rank !== 0) throw new Error(`rank ${this.rank} cannot end the run: rank 0 does`);
    await this.leave({ kind: 'end', code });
    this.finish(code);
  }

  async fail(message: string): Promise<void> {
    await this.leave({ kind: 'fail', message: message.slice(0, LONGEST) });
  }

  private async leave(order: Order): Promise<void> {
    if (this.over !== undefined) return;
    this.over = new Error('the group of processes is closed');
    this.abandon(this.over);
    await new Promise<void>((resolve) => {
      this.done = resolve;
      this.order(order);
    });
    await this.close();
  }

  // One call at a time: the others come to the same ones, in the same order.
  private async call(what: string, bytes: Bytes): Promise<readonly Bytes[]> {
    if (bytes.length > MEMBER.bytes)
      throw new RangeError(
        `${what}: ${bytes.length} bytes, at most ${MEMBER.bytes} go at once; hand them in in pieces`,
      );
    const answer = this.last.then(() => {
      if (this.over !== undefined) throw this.over;
      return new Promise<readonly Bytes[]>((resolve, reject) => {
        this.waiting = { resolve, reject };
        this.order({ kind: 'give', what, bytes }, [bytes.buffer]);
      });
    });
    this.last = answer.catch(() => {});
    return answer;
  }

  private order(order: Order, handedOver: ArrayBuffer[] = []): void {
    this.thread.postMessage(order, handedOver);
  }

  private hear(report: Report): void {
    if (report.kind === 'joined') {
      this.inside = true;
      this.settle();
    } else if (report.kind === 'refused') this.settle(new UserError(report.message));
    else if (report.kind === 'notice') noticeOnce(report.message, report.message);
    else if (report.kind === 'parts') this.waiting?.resolve(report.parts);
    else if (report.kind === 'differ') this.waiting?.reject(new UserError(report.message));
    else if (report.kind === 'stop') this.stop.abort();
    else if (report.kind === 'failure') this.lose(report.failure);
    else if (report.kind === 'done') this.done();
    else this.hearEnd(report.code);
  }

  private hearEnd(code: number): void {
    this.finish(code);
    this.abandon(new Error(`rank 0 ended the run (code ${code}) while this process waited for it`));
    void this.close();
  }

  private lose(failure: Failure): void {
    this.done();
    const error = new UserError(failureText(failure));
    if (!this.inside) this.settle(error);
    if (!this.inside || this.over !== undefined) return;
    this.over = error;
    this.abandon(error);
    void this.close();
    this.onFailure(failure);
  }

  private abandon(cause: Error): void {
    this.waiting?.reject(cause);
    this.waiting = undefined;
  }
}

function textBytes(value: Json): Bytes {
  return new Uint8Array(Buffer.from(JSON.stringify(value)));
}

function valueIn<T>(bytes: Uint8Array): T {
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'));
}
