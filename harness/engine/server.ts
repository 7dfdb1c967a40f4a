import { heldLanes } from './lanes.ts';
import { liberties } from './liberties.ts';
import type { Pointer } from './native/capi.ts';
import { native } from './native/capi.ts';
import { withCores } from './native/cores.ts';
import { call, checked } from './native/native.ts';
import { bytesField, integerField } from './native/protobuf.ts';

export interface ServerOptions {
  /** `host:port` of each process of the run, by rank. */
  readonly servers: readonly string[];
  readonly rank: number;
  /** As of `SessionOptions`: the devices of a server are made once, with it. */
  readonly intraThreads?: number;
  readonly interThreads?: number;
}

/** TensorFlow's server of this process; sessions on it may hold collectives with the other processes'. */
export interface Server {
  readonly rank: number;
  readonly processes: number;
  /** What a session connects to. */
  readonly target: string;
  /** The ConfigProto of its sessions. */
  readonly config: Uint8Array;
}

let started: Server | undefined;

/**
 * Starts TensorFlow's server of this process. It listens on every interface and runs what it is sent, so whoever
 * starts it has seen to it that nobody else can reach it. TensorFlow cannot stop a server: it ends with the
 * process, which has one at most.
 * @throws EngineError where its port cannot be listened at.
 */
export function startServer(options: ServerOptions): Server {
  if (started !== undefined) throw new Error('engine: this process has a server already');
  const { servers, rank, intraThreads = 0 } = options;
  const config = serverConfig(options);
  const definition = Uint8Array.from([
    ...bytesField(1, servers.flatMap(job)), // cluster
    ...bytesField(2, jobName(rank)),
    ...integerField(3, 0), // task_index
    ...bytesField(4, [...config]),
    ...bytesField(5, 'grpc'),
  ]);
  const server = withCores(intraThreads, () =>
    checked(`server at ${servers[rank]}`, (status) =>
      call('TF_NewServer', definition, definition.length, status),
    ),
  );
  checked(`server at ${servers[rank]}`, (status) => call('TF_ServerStart', server, status));
  const target = String(native().api.TF_ServerTarget?.(server as Pointer));
  started = { rank, processes: servers.length, target, config };
  return started;
}

/**
 * One job a process: TensorFlow orders the members of a group by the text of their device's name, and tasks of one
 * job would come as 0, 1, 10, 11, 2.
 */
export function jobName(rank: number): string {
  return `process${String(rank).padStart(6, '0')}`;
}

/** A JobDef as a field of ClusterDef: 1 name, 2 tasks, a map of 1 index and 2 address. */
function job(address: string, rank: number): number[] {
  const task = [...integerField(1, 0), ...bytesField(2, address)];
  return bytesField(1, [...bytesField(1, jobName(rank)), ...bytesField(2, task)]);
}

const OFF = 2;

/** Grappler gives up after 5 minutes by default and runs what it has: a clock would decide bits. */
const NEVER_MS = 1e12;

/**
 * ConfigProto: 2 intra-op threads, 5 inter-op threads, 10.10 rewriter options, of which 7 is
 * arithmetic optimisation and 20 the time Grappler may take. Arithmetic optimisation folds a fixed
 * tree of additions into one AddN of its own order (docs/reference/engine.md, section 1), so it is
 * off everywhere, which costs nothing that could be measured.
 */
export function configProto(interThreads: number): number[] {
  const arithmetic = liberties()?.folding ? [] : integerField(7, OFF);
  const rewriter = [...arithmetic, ...integerField(20, NEVER_MS)];
  return [
    ...integerField(2, heldLanes()),
    ...(interThreads > 0 ? integerField(5, interThreads) : []),
    ...bytesField(10, bytesField(10, rewriter)),
  ];
}

/**
 * 4 device_filters: a session of this process works on its own devices, so it need not wait for the other servers;
 * 16.1 collective_group_leader, who says how many are in a group and in which order.
 */
function serverConfig({ rank, interThreads = 0 }: ServerOptions): Uint8Array {
  return Uint8Array.from([
    ...configProto(interThreads),
    ...bytesField(4, `/job:${jobName(rank)}`),
    ...bytesField(16, bytesField(1, `/job:${jobName(0)}/replica:0/task:0`)),
  ]);
}
