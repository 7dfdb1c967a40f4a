import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { owned } from '../command/owned.ts';
import { root } from '../command/root.ts';

/** Of a turn: what one step of it took, in the mean. */
const Turn = z.strictObject({
  step_ms: z.number(),
  session_ms: z.number().optional(),
  cpu_ms: z.number().optional(),
});
export type Turn = z.infer<typeof Turn>;

const JsonLine = z.record(z.string(), z.unknown());
export type JsonLine = z.infer<typeof JsonLine>;

/** A command that runs, of which the JSON lines matter. */
export interface TimedProcess {
  /** Lets it take so many steps. @throws where it does not. */
  turn(steps: number): Promise<Turn>;
  /** All lines from here to its end, at which it has nothing more to read. */
  rest(): Promise<JsonLine[]>;
  /** The last of them. */
  result(): Promise<JsonLine>;
  stop(): void;
}

/** Starts a command. Whatever is asked of it fails with its errors where it failed. */
export function startTimed([file = '', ...args]: readonly string[]): TimedProcess {
  const child = owned(spawn(file, args, { stdio: 'pipe', cwd: root }));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let errors = '';
  child.stdin.on('error', () => undefined); // it has ended, which `close` tells
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const closed = new Promise<number | null>((done) => {
    child.on('error', (error) => {
      errors += error.message;
    });
    child.on('close', done);
  });
  const fail = (what: string) => new Error(`${[file, ...args].join(' ')} ${what}:\n${errors}`);

  /** The next line; undefined after the last. */
  async function next(): Promise<JsonLine | undefined> {
    for (;;) {
      const { value, done } = await lines.next();
      if (!done && !value.startsWith('{')) continue;
      if (!done) return JsonLine.parse(JSON.parse(value));
      const code = await closed;
      if (code !== 0) throw fail(`ended with ${code}`);
      return undefined;
    }
  }

  async function rest(): Promise<JsonLine[]> {
    child.stdin.end();
    const all: JsonLine[] = [];
    for (let line = await next(); line !== undefined; line = await next()) all.push(line);
    return all;
  }

  return {
    async turn(steps) {
      child.stdin.write(`${steps}\n`);
      const line = await next();
      if (line?.turn === undefined) throw fail('took no turn');
      return Turn.parse(line.turn);
    },
    rest,
    async result() {
      const last = (await rest()).at(-1);
      if (last === undefined) throw fail('printed no result');
      return last;
    },
    stop: () => child.kill(),
  };
}
