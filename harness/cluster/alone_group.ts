import type { Group } from './group.ts';

/** The group of a run of one process: whatever it hands in, it gets back. */
export function aloneGroup(): Group {
  const stop = new AbortController();
  let finish: (code: number) => void = () => {};
  const ended = new Promise<number>((resolve) => {
    finish = resolve;
  });
  return {
    rank: 0,
    processes: 1,
    exchange: async (_name, value) => [value],
    gather: async (_name, bytes) => [new Uint8Array(bytes)],
    broadcast: async (_name, value) => value,
    compare: async () => {},
    askToStop: () => stop.abort(),
    stopAsked: stop.signal,
    end: async (code) => finish(code),
    fail: async () => {},
    ended,
  };
}
