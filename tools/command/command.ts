import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { errorCode } from '../../harness/base/index.ts';
import { helpText } from './help_text.ts';
import type { CommandSpec } from './option.ts';
import { type Line, parseLine, UsageError } from './parse_line.ts';

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
  const full = { arguments: [], examples: [], ...spec, options: { ...spec.options, ...COMMON } };
  endQuietlyWithoutReader();
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
  }
}

function report(name: string, error: unknown): void {
  const usage = error instanceof UsageError;
  process.stderr.write(`${name}: ${textOf(error)}\n`);
  if (usage) process.stderr.write(`\`npx zx scripts/${name}.mjs --help\` lists what it takes.\n`);
  process.exitCode = usage ? 2 : 1;
}

/** Of what somebody can mend, the message alone; else the whole stack. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const expected = error instanceof UsageError || error.name === 'UserError';
  return expected ? error.message : (error.stack ?? String(error));
}

// Under `npx zx` the script's path stands somewhere after zx's own.
function lineOf(name: string): string[] {
  const at = process.argv.findIndex((word) => basename(word) === `${name}.mjs`);
  return process.argv.slice(at + 1);
}

// `… | head` closes our stdout; that is no failure of the command.
function endQuietlyWithoutReader(): void {
  process.stdout.on('error', (error) => {
    if (errorCode(error) === 'EPIPE') process.exit();
    throw error;
  });
}
