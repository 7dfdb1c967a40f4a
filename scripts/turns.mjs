import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { root } from './load.mjs';

/**
 * Two processes that are timed take turns of some steps each, so that both see the same minutes of
 * the machine. Each waits for a line with a number, takes so many steps, prints what one took, as
 * `{"turn": {"step_ms": …}}`, and waits again.
 */

/** Our end: `begin` before and `end` after each step. */
export function turnsFrom(input, print) {
  const reader = createInterface({ input });
  const lines = reader[Symbol.asyncIterator]();
  let laps = [];
  let left = 0;
  return {
    async begin() {
      if (left > 0) return;
      const { value, done } = await lines.next();
      if (done) throw new Error('--turns: the input ended before the last step');
      laps = [];
      left = Number(value);
    },
    end(lap) {
      laps.push(lap);
      left--;
      if (left > 0) return;
      const mean = (key) => laps.reduce((sum, one) => sum + one[key], 0) / laps.length;
      print({ turn: { step_ms: mean('step'), session_ms: mean('session') } });
    },
    close() {
      reader.close();
      input.destroy();
    },
  };
}

/** The other end of a command that takes turns. */
export function turnsOf([file, ...args]) {
  const child = spawn(file, args, { stdio: 'pipe', cwd: root });
  const said = [];
  const waiting = [];
  const ended = { errors: '', code: undefined };
  const settle = () => {
    while (waiting.length > 0 && said.length > 0) waiting.shift().done(said.shift());
    if (ended.code === undefined) return;
    const error = new Error(
      `${[file, ...args].join(' ')} ended with ${ended.code}:\n${ended.errors}`,
    );
    for (const { fail } of waiting.splice(0)) fail(error);
  };
  const next = () =>
    new Promise((done, fail) => {
      waiting.push({ done, fail });
      settle();
    });
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (!line.startsWith('{')) return;
    said.push(JSON.parse(line));
    settle();
  });
  child.stdin.on('error', () => undefined); // it has ended, which `close` tells
  child.stderr.setEncoding('utf8').on('data', (text) => {
    ended.errors += text;
  });
  child.on('error', (error) => {
    ended.errors += error.message;
  });
  child.on('close', (code) => {
    ended.code = code;
    settle();
  });
  return {
    /** So many steps. @returns what one took */
    async turn(steps) {
      child.stdin.write(`${steps}\n`);
      return (await next()).turn;
    },
    /** The last line, after the last turn. */
    result: next,
    stop: () => child.kill(),
  };
}
