import type { Json } from '../base/canonical.ts';
import { UserError } from '../base/errors.ts';
import type { Group } from '../cluster/group.ts';

/** A call that some of the parties have come to. */
interface Call {
  readonly kind: string;
  readonly name: string;
  readonly given: unknown[];
  /** Parties that have come. */
  came: number;
  readonly all: Promised<unknown[]>;
}

/** A promise that somebody else settles. */
class Promised<T> {
  resolve: (value: T) => void = () => {};
  reject: (error: Error) => void = () => {};
  readonly promise = new Promise<T>((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });
}

/** What parties share: the n-th call of each is the same call. */
class Table {
  readonly stop = new AbortController();
  readonly end = new Promised<number>();
  /** Names of the calls so far. */
  readonly names: string[] = [];
  private readonly parties: number;
  private readonly calls: Call[] = [];

  constructor(parties: number) {
    this.parties = parties;
  }

  come<T>(rank: number, at: number, kind: string, name: string, value: T): Promise<T[]> {
    let call = this.calls[at];
    if (call === undefined) {
      call = { kind, name, given: [], came: 0, all: new Promised() };
      call.all.promise.catch(() => undefined);
      this.calls[at] = call;
      this.names.push(name);
    }
    if (call.kind !== kind || call.name !== name)
      call.all.reject(
        new Error(`group: process ${rank} is at '${name}', another one at '${call.name}'`),
      );
    call.given[rank] = value;
    if (++call.came === this.parties) call.all.resolve(call.given);
    return call.all.promise as Promise<T[]>;
  }
}

/** Groups of one process each, all in this one. Bytes and values are copied, as on their way through a network. */
export function memoryGroups(processes: number): {
  readonly groups: readonly Group[];
  readonly names: readonly string[];
} {
  const table = new Table(processes);
  const groups = Array.from({ length: processes }, (_, rank) => groupOf(table, rank, processes));
  return { groups, names: table.names };
}

function groupOf(table: Table, rank: number, processes: number): Group {
  let at = 0;
  const exchange = <T extends Json>(name: string, value: T): Promise<T[]> =>
    table.come(rank, at++, 'exchange', name, structuredClone(value));
  return {
    rank,
    processes,
    exchange,
    gather: async (name, bytes) => {
      const all = await table.come(rank, at++, 'gather', name, Uint8Array.from(bytes));
      return all.map((one) => Uint8Array.from(one));
    },
    broadcast: async <T extends Json>(name: string, value: T) => {
      const [first] = await table.come(rank, at++, 'broadcast', name, structuredClone(value));
      return structuredClone(first as T);
    },
    compare: async (facts) => {
      const all = await exchange('compare', { ...facts });
      if (new Set(all.map((one) => JSON.stringify(one))).size > 1)
        throw new UserError(`group: facts differ: ${JSON.stringify(all)}`);
    },
    askToStop: () => table.stop.abort(),
    stopAsked: table.stop.signal,
    end: async (code) => table.end.resolve(code),
    fail: async (message) => {
      throw new Error(`group: a process ended: ${message}`);
    },
    ended: table.end.promise,
  };
}
