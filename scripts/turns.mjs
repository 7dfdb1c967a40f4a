import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { root } from './load.mjs';

/**
 * Two processes that are timed take turns of some steps each, so that both see the same minutes of
 * the machine. Each waits for a line with a number, takes so many steps, prints what one took, as
 * `{"turn": {"step_ms": …}}`, and waits again.
 */

/**
 * Our end: `begin` before and `end` after each step.
 * @param over told the laps of a turn when it is over
 */
export function turnsFrom(input, over) {
  const reader = createInterface({ input });
  const lines = reader[Symbol.asyncIterator]();
  let laps = [];
  let left = 0;
  return {
    async begin() {
      if (left > 0) return;
      const { value } = await lines.next(); // undefined after the last
      left = Number(value);
      if (!(left >= 1)) throw new Error(`--turns: found '${value}', expected a number of steps`);
      laps = [];
    },
    end(lap) {
      laps.push(lap);
      left--;
      if (left === 0) over(laps);
    },
    close() {
      reader.close();
      input.destroy();
    },
  };
}

/** A command that runs, of which the JSON lines matter. */
export function commandOf([file, ...args]) {
  const child = spawn(file, args, { stdio: 'pipe', cwd: root });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let errors = '';
  child.stdin.on('error', () => undefined); // it has ended, which `close` tells
  child.stderr.setEncoding('utf8').on('data', (text) => {
    errors += text;
  });
  const closed = new Promise((done) => {
    child.on('error', (error) => {
      errors += error.message;
    });
    child.on('close', done);
  });
  const fail = (what) => new Error(`${[file, ...args].join(' ')} ${what}:\n${errors}`);

  /** The next line; undefined after the last. @throws where the command failed */
  async function next() {
    for (;;) {
      const { value, done } = await lines.next();
      if (!done && !value.startsWith('{')) continue;
      if (!done) return JSON.parse(value);
      const code = await closed;
      if (code !== 0) throw fail(`ended with ${code}`);
      return undefined;
    }
  }

  return {
    /** Lets it take so many steps. @returns what one took */
    async turn(steps) {
      child.stdin.write(`${steps}\n`);
      const line = await next();
      if (line?.turn === undefined) throw fail('took no turn');
      return line.turn;
    },
    /** All lines from here to its end, at which it has nothing more to read. */
    async rest() {
      child.stdin.end();
      const rest = [];
      for (let line = await next(); line !== undefined; line = await next()) rest.push(line);
      return rest;
    },
    /** The last of them. */
    async result() {
      const last = (await this.rest()).at(-1);
      if (last === undefined) throw fail('printed no result');
      return last;
    },
    stop: () => child.kill(),
  };
}
