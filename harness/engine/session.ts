import type { HostArray } from './array.ts';
import type { Graph } from './graph/graph.ts';
import { native, type Output, type Pointer } from './native/capi.ts';
import { withCores } from './native/cores.ts';
import {
  call,
  callNumber,
  checked,
  EngineError,
  fromNative,
  takeBuffer,
  throwUnlessOk,
  toNative,
} from './native/native.ts';
import { bytesField, fields, integerField } from './native/protobuf.ts';
import { configProto, type Server } from './server.ts';

export interface SessionOptions {
  /**
   * Cores that the work inside ops may use at most; 0 for all. Never changes a result bit: the work is
   * cut into the same parts on any number of them. The first session of a process decides.
   */
  readonly intraThreads?: number;
  /** Ops run side by side; 0 lets TensorFlow choose. Never changes a result bit. */
  readonly interThreads?: number;
  /** Runs on this server, where its ops may be collectives with those of other processes. */
  readonly server?: Server;
  /** Told when TensorFlow starts and ends a run, to measure what it takes of a step. */
  readonly onRun?: (moment: 'start' | 'end') => void;
}

/** What one run takes and gives. */
export interface Call {
  readonly feeds: readonly { readonly output: Output; readonly value: HostArray }[];
  readonly fetches: readonly Output[];
  readonly targets: readonly Pointer[];
  /** Whether its ops meet those of other processes: all run it then, in the same order of such runs. */
  readonly collective?: boolean;
}

/** Where one op of a run spent its time. */
export interface OpTime {
  /** Name of the node; Grappler's own have names that no graph knows. */
  readonly node: string;
  /** Microseconds from the first op's start. */
  readonly start: number;
  /** Microseconds in the kernel. */
  readonly duration: number;
}

/** A node of the graph that runs, after Grappler. */
export interface CompiledNode {
  readonly name: string;
  readonly type: string;
  /** `node`, `node:1` for its second output, `^node` for a control edge. */
  readonly inputs: readonly string[];
  /** TensorFlow's DataType number of attribute `T`; undefined where it has none. */
  readonly dtype: number | undefined;
  /** All its attributes that are types, by name: `T`, `U`, `SrcT`, `dtype`. */
  readonly types: ReadonlyMap<string, number>;
}

const FULL_TRACE = integerField(1, 3); // RunOptions.trace_level
const PARTITION_GRAPHS = integerField(5, 1); // RunOptions.output_partition_graphs

/**
 * RunOptions.experimental.collective_graph_key: runs that have it take their number from the leader of the group, so
 * that all processes give a run the same one, under which collectives find each other.
 */
const MEETING = bytesField(8, integerField(1, 1));

/** A TF_Session on a graph. Nodes added to the graph later are picked up by the next run. */
export class Session {
  private readonly handle: Pointer;
  private readonly status = call('TF_NewStatus');
  private readonly onRun: SessionOptions['onRun'];
  private running = false;
  private options: Pointer | null = null;
  private metadata: Pointer | null = null;

  constructor(graph: Graph, options: SessionOptions) {
    this.onRun = options.onRun;
    const { server, interThreads = 0 } = options;
    const bytes = server?.config ?? Uint8Array.from(configProto(interThreads));
    const sessionOptions = call('TF_NewSessionOptions');
    if (server !== undefined) call('TF_SetTarget', sessionOptions, server.target);
    this.handle = checked('session', (status) => {
      call('TF_SetConfig', sessionOptions, bytes, bytes.length, status);
      throwUnlessOk(status, 'session options');
      return withCores(options.intraThreads ?? 0, () =>
        call('TF_NewSession', graph.handle, sessionOptions, status),
      );
    });
    call('TF_DeleteSessionOptions', sessionOptions);
  }

  /** The number that TensorFlow gave this process's device when it started. */
  incarnation(): bigint {
    const devices = checked('devices', (status) =>
      call('TF_SessionListDevices', this.handle, status),
    );
    const number: unknown = checked('devices', (status) =>
      call('TF_DeviceListIncarnation', devices, 0, status),
    );
    call('TF_DeleteDeviceList', devices);
    return BigInt.asIntN(64, BigInt(String(number)));
  }

  /**
   * Runs the graph once on a worker thread, so that the caller prepares the next batch meanwhile.
   * @returns the fetched values, in order.
   * @throws EngineError with TensorFlow's message.
   */
  async run({ feeds, fetches, targets, collective = false }: Call): Promise<HostArray[]> {
    if (collective && this.options === null) {
      const { values } = await this.recorded({ feeds, fetches, targets, collective }, []);
      return values;
    }
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

  /**
   * As `run`, with every kernel timed; slower than a plain run.
   * @returns the time of each op, in order of start; values are dropped.
   */
  async profile(one: Call): Promise<OpTime[]> {
    const { metadata } = await this.recorded(one, FULL_TRACE);
    return opTimes(metadata);
  }

  /** As `run`. @returns the nodes that ran, as Grappler left them; values are dropped. */
  async compiled(one: Call): Promise<CompiledNode[]> {
    const { metadata } = await this.recorded(one, PARTITION_GRAPHS);
    return inner(metadata, 3).flatMap((graph) => inner(graph, 1).map(compiledNode));
  }

  /** Runs with RunOptions. @returns what it gives, and the RunMetadata */
  private async recorded(one: Call, runOptions: readonly number[]) {
    const bytes = Uint8Array.from([...runOptions, ...(one.collective ? MEETING : [])]);
    const options = call('TF_NewBufferFromString', bytes, bytes.length);
    const buffer = call('TF_NewBuffer');
    let metadata = new Uint8Array();
    this.options = options;
    this.metadata = buffer;
    try {
      const values = await this.run(one);
      metadata = Uint8Array.from(takeBuffer(buffer));
      return { values, metadata };
    } catch (error) {
      call('TF_DeleteBuffer', buffer);
      throw error;
    } finally {
      this.options = null;
      this.metadata = null;
      call('TF_DeleteBuffer', options);
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
      ...[this.handle, this.options, inputs, values, inputs.length],
      ...[fetches, results, fetches.length, targets, targets.length, this.metadata, this.status],
    ];
    return new Promise((resolve, reject) => {
      this.onRun?.('start');
      run.async(...args, (error: Error | null) => {
        this.onRun?.('end');
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

/** RunMetadata 1 step_stats, 1 dev_stats, 2 node_stats: 1 node_name, 2 start, 3 and 4 the kernel's start and end. */
function opTimes(metadata: Uint8Array): OpTime[] {
  const nodes = inner(metadata, 1)
    .flatMap((stats) => inner(stats, 1))
    .flatMap((device) => inner(device, 2));
  const times = nodes.map((node) => {
    const values = new Map([...fields(node)].map(({ field, value }) => [field, value]));
    const number = (field: number) => Number(values.get(field) ?? 0);
    const name = values.get(1);
    return {
      node: name instanceof Uint8Array ? new TextDecoder().decode(name) : '',
      start: number(2),
      duration: number(4) - number(3),
    };
  });
  const first = times.reduce((least, { start }) => Math.min(least, start), Number.MAX_SAFE_INTEGER);
  return times
    .map((time) => ({ ...time, start: time.start - first }))
    .sort((a, b) => a.start - b.start);
}

/** NodeDef: 1 name, 2 op, 3 inputs, 5 attributes, each 1 key and 2 value, of which 6 is a type. */
function compiledNode(node: Uint8Array): CompiledNode {
  const texts = (message: Uint8Array, field: number) =>
    inner(message, field).map((bytes) => new TextDecoder().decode(bytes));
  const types = new Map<string, number>();
  for (const attribute of inner(node, 5)) {
    const [value = new Uint8Array()] = inner(attribute, 2);
    const type = [...fields(value)].find(({ field }) => field === 6)?.value;
    if (typeof type === 'number') types.set(texts(attribute, 1)[0] ?? '', type);
  }
  return {
    name: texts(node, 1)[0] ?? '',
    type: texts(node, 2)[0] ?? '',
    inputs: texts(node, 3),
    dtype: types.get('T'),
    types,
  };
}

function inner(message: Uint8Array, wanted: number): Uint8Array[] {
  return [...fields(message)].flatMap(({ field, value }) =>
    field === wanted && value instanceof Uint8Array ? [value] : [],
  );
}
