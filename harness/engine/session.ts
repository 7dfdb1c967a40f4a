import type { HostArray } from './array.ts';
import { native, type Output, type Pointer } from './capi.ts';
import type { Graph } from './graph.ts';
import {
  call,
  callNumber,
  checked,
  EngineError,
  fromNative,
  throwUnlessOk,
  toNative,
} from './native.ts';
import { bytesField, integerField } from './protobuf.ts';

export interface SessionOptions {
  /** Threads inside one op; 0 lets TensorFlow take all cores. Never changes a result bit. */
  readonly intraThreads?: number;
  /** Ops run side by side; 0 lets TensorFlow choose. Never changes a result bit. */
  readonly interThreads?: number;
}

/** What one run takes and gives. */
export interface Call {
  readonly feeds: readonly { readonly output: Output; readonly value: HostArray }[];
  readonly fetches: readonly Output[];
  readonly targets: readonly Pointer[];
}

const OFF = 2;

/**
 * ConfigProto: 2 intra-op threads, 5 inter-op threads, 10.10 rewriter options, of which 7 is
 * arithmetic optimisation. It folds a fixed tree of additions into one AddN of its own order, so it is
 * off everywhere (engine-facts, finding 1; costs nothing measurable).
 */
function config({ intraThreads = 0, interThreads = 0 }: SessionOptions): Uint8Array {
  const rewriter = integerField(7, OFF);
  return Uint8Array.from([
    ...(intraThreads > 0 ? integerField(2, intraThreads) : []),
    ...(interThreads > 0 ? integerField(5, interThreads) : []),
    ...bytesField(10, bytesField(10, rewriter)),
  ]);
}

/** A TF_Session on a graph. Nodes added to the graph later are picked up by the next run. */
export class Session {
  private readonly handle: Pointer;
  private readonly status = call('TF_NewStatus');
  private running = false;

  constructor(graph: Graph, options: SessionOptions) {
    const bytes = config(options);
    const sessionOptions = call('TF_NewSessionOptions');
    this.handle = checked('session', (status) => {
      call('TF_SetConfig', sessionOptions, bytes, bytes.length, status);
      throwUnlessOk(status, 'session options');
      return call('TF_NewSession', graph.handle, sessionOptions, status);
    });
    call('TF_DeleteSessionOptions', sessionOptions);
  }

  /**
   * Runs the graph once on a worker thread, so that the caller prepares the next batch meanwhile.
   * @returns the fetched values, in order.
   * @throws EngineError with TensorFlow's message.
   */
  async run({ feeds, fetches, targets }: Call): Promise<HostArray[]> {
    if (this.running) throw new Error('engine: a run is in progress; await it before the next one');
    const inputs: Pointer[] = [];
    const outputs: (Pointer | null)[] = fetches.map(() => null);
    this.running = true;
    try {
      for (const { value } of feeds) inputs.push(toNative(value));
      await this.invoke(
        feeds.map((feed) => feed.output),
        inputs,
        fetches,
        outputs,
        targets,
      );
      return outputs.map((tensor) => {
        if (tensor === null) throw new EngineError('run: an output is missing', 0);
        return fromNative(tensor);
      });
    } finally {
      this.running = false;
      for (const tensor of [...inputs, ...outputs]) if (tensor) call('TF_DeleteTensor', tensor);
    }
  }

  private invoke(
    inputs: readonly Output[],
    values: readonly Pointer[],
    fetches: readonly Output[],
    results: (Pointer | null)[],
    targets: readonly Pointer[],
  ): Promise<void> {
    const run = native().api.TF_SessionRun;
    if (run === undefined) throw new Error('engine: TF_SessionRun is not bound');
    const args = [
      ...[this.handle, null, inputs, values, inputs.length],
      ...[fetches, results, fetches.length, targets, targets.length, null, this.status],
    ];
    return new Promise((resolve, reject) => {
      run.async(...args, (error: Error | null) => {
        try {
          if (error) throw error;
          if (callNumber('TF_GetCode', this.status) !== 0) throwUnlessOk(this.status, 'run');
          resolve();
        } catch (failure) {
          reject(failure);
        }
      });
    });
  }

  /** Frees the session. @throws while a run is in progress. */
  dispose(): void {
    if (this.running) throw new Error('engine: dispose while a run is in progress');
    checked('close session', (status) => call('TF_CloseSession', this.handle, status));
    checked('delete session', (status) => call('TF_DeleteSession', this.handle, status));
    call('TF_DeleteStatus', this.status);
  }
}
