import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endWhenAsked } from '../../harness/run/interrupt.ts';
import { helpText } from './help_text.ts';
import type { CommandSpec } from './option.ts';
import { type Line, parseLine } from './parse_line.ts';
import { report, reportStrays } from './report.ts';
import { outliveReaders } from './streams.ts';

const COMMON = {
  json: { kind: 'flag', help: 'print results as one JSON object a line' },
  help: { kind: 'flag', help: 'print this text' },
} as const;

/** A command line that is right, and where results go. */
export interface Call extends Line {
  /** Prints a result: with `--json`, or where there is no text, as a JSON object on one line. */
  readonly print: (result: object, text?: string) => void;
}

/**
 * Runs a script: reads its command line, calls `run`, prints what went wrong and sets the exit code
 * (0 success, 1 the command failed, 2 the command line is wrong). Progress belongs on stderr;
 * results go through `print`.
 * @param url the script's `import.meta.url`
 * @param run may return an exit code
 */
export async function command(
  url: string,
  spec: CommandSpec,
  run: (call: Call) => unknown,
): Promise<void> {
  const name = basename(fileURLToPath(url), '.mjs');
  const { ends, ...rest } = spec;
  const full = { arguments: [], examples: [], ...rest, options: { ...spec.options, ...COMMON } };
  outliveReaders(name, ends !== undefined);
  reportStrays(name);
  const undo = endWhenAsked(ends === 'tidies');
  try {
    const line = parseLine(name, full, lineOf(name));
    const { json, help } = line.options;
    if (help) {
      process.stdout.write(helpText(name, full));
      return;
    }
    const print = (result: object, text?: string) => {
      process.stdout.write(`${json || text === undefined ? JSON.stringify(result) : text}\n`);
    };
    const code = await run({ ...line, print });
    if (typeof code === 'number') process.exitCode = code;
  } catch (error) {
    report(name, error);
  } finally {
    undo();
  }
}

// Under `npx zx` the script's path stands somewhere after zx's own.
function lineOf(name: string): string[] {
  const at = process.argv.findIndex((word) => basename(word) === `${name}.mjs`);
  return process.argv.slice(at + 1);
}
