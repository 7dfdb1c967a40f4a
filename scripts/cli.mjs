import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { load } from './load.mjs';

/**
 * @typedef {object} Option
 * @property {'flag' | 'text' | 'int' | 'number' | 'list'} kind `list` may be given several times
 * @property {string} help
 * @property {string} [value] what stands for the value in `--help`, e.g. `DIR`
 * @property {unknown} [default]
 * @property {number} [min] smallest number allowed
 * @property {readonly string[]} [choices]
 */

/** `--set`, for every command that takes an experiment. */
export const setOption = {
  kind: 'list',
  value: 'KEY.PATH=VALUE',
  help: 'override a field of the experiment; may be repeated',
};

const COMMON = {
  json: { kind: 'flag', help: 'print results as one JSON object a line' },
  help: { kind: 'flag', help: 'print this text' },
};

/**
 * Runs a script: reads its command line, calls `run`, prints what went wrong and sets the exit code
 * (0 success, 1 the command failed, 2 the command line is wrong). Progress belongs on stderr;
 * results go through `print`.
 * @param {string} url the script's `import.meta.url`
 * @param {{ summary: string, arguments?: readonly { name: string, help: string,
 *   optional?: boolean }[], options?: Record<string, Option>, examples?: readonly string[] }} spec
 * @param {(call: { options: Record<string, any>, args: (string | undefined)[],
 *   print: (result: object, text?: string) => void }) => unknown} run may return an exit code
 */
export async function command(url, spec, run) {
  const name = basename(fileURLToPath(url), '.mjs');
  const full = { arguments: [], examples: [], ...spec, options: { ...spec.options, ...COMMON } };
  endQuietlyWithoutReader();
  try {
    const { options, args } = await parseLine(name, full, lineOf(name));
    if (options.help) return process.stdout.write(helpText(name, full));
    const print = (result, text) =>
      process.stdout.write(
        `${options.json || text === undefined ? JSON.stringify(result) : text}\n`,
      );
    const code = await run({ options, args, print });
    if (typeof code === 'number') process.exitCode = code;
  } catch (error) {
    report(name, error);
  }
}

/** A mistake on the command line. */
class UsageError extends Error {}

function report(name, error) {
  const usage = error instanceof UsageError;
  const expected = usage || error?.name === 'UserError';
  const text = expected ? error.message : (error?.stack ?? String(error));
  process.stderr.write(`${name}: ${text}\n`);
  if (usage) process.stderr.write(`\`npx zx scripts/${name}.mjs --help\` lists what it takes.\n`);
  process.exitCode = usage ? 2 : 1;
}

// Under `npx zx` the script's path stands somewhere after zx's own.
function lineOf(name) {
  const at = process.argv.findIndex((word) => basename(word) === `${name}.mjs`);
  return process.argv.slice(at + 1);
}

/** What a command line says: options by name and arguments; a UsageError where it is wrong. */
export async function parseLine(name, { options: specs, arguments: argumentSpecs }, line) {
  const types = Object.entries(specs).map(([key, { kind }]) => [
    key,
    kind === 'flag' ? { type: 'boolean' } : { type: 'string', multiple: true },
  ]);
  const { tokens, positionals } = parseArgs({
    args: line,
    options: Object.fromEntries(types),
    strict: false,
    tokens: true,
    allowPositionals: true,
  });
  const options = Object.fromEntries(
    Object.entries(specs).map(([key, { kind, default: start }]) => [
      key,
      start ?? { flag: false, list: [] }[kind],
    ]),
  );
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const spec = specs[token.name];
    if (spec === undefined) throw await unknownOption(name, token.rawName, Object.keys(specs));
    const value = optionValue(name, token, spec);
    options[token.name] = spec.kind === 'list' ? [...options[token.name], value] : value;
  }
  if (!options.help) checkArguments(name, argumentSpecs, positionals);
  return { options, args: positionals };
}

async function unknownOption(name, rawName, known) {
  const { nearest } = await load('harness/base/nearest.ts');
  const near = nearest(rawName.replace(/^-+/, ''), known);
  const hint = near === undefined ? '' : `; did you mean --${near}?`;
  return new UsageError(`${name} has no option ${rawName}${hint}`);
}

function optionValue(name, { rawName, value, inlineValue }, { kind, min, choices }) {
  if (kind === 'flag') {
    if (value !== undefined) throw new UsageError(`${rawName} takes no value, found "${value}"`);
    return true;
  }
  const swallowed = !inlineValue && /^-[^\d.]/.test(value ?? '');
  if (value === undefined || swallowed) throw new UsageError(`${name}: ${rawName} needs a value`);
  if (choices !== undefined && !choices.includes(value)) {
    throw new UsageError(`${rawName}: found "${value}", expected one of ${choices.join(', ')}`);
  }
  return kind === 'int' || kind === 'number' ? numberOf(rawName, value, kind, min) : value;
}

function numberOf(rawName, value, kind, min = Number.NEGATIVE_INFINITY) {
  const number = value.trim() === '' ? Number.NaN : Number(value);
  const fits = kind === 'int' ? Number.isSafeInteger(number) : Number.isFinite(number);
  if (fits && number >= min) return number;
  const kindName = kind === 'int' ? 'a whole number' : 'a number';
  const bound = Number.isFinite(min) ? ` of at least ${min}` : '';
  throw new UsageError(`${rawName}: found "${value}", expected ${kindName}${bound}`);
}

function checkArguments(name, specs, args) {
  const missing = specs.slice(args.length).find(({ optional }) => !optional);
  if (missing !== undefined) throw new UsageError(`${name} needs ${missing.name}: ${missing.help}`);
  if (args.length > specs.length) {
    throw new UsageError(`${name}: one argument too many, "${args[specs.length]}"`);
  }
}

function helpText(name, { summary, arguments: args, options, examples }) {
  const shown = args.map((arg) => (arg.optional ? `[${arg.name}]` : arg.name));
  const rows = [
    ...args.map((arg) => [arg.name, arg.help]),
    ...Object.entries(options).map(([key, option]) => [
      option.kind === 'flag' ? `--${key}` : `--${key} ${option.value ?? 'VALUE'}`,
      option.default === undefined ? option.help : `${option.help} (default: ${option.default})`,
    ]),
  ];
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  const lines = [
    summary,
    '',
    `Usage: npx zx scripts/${[`${name}.mjs`, ...shown].join(' ')} [options]`,
    '',
    ...rows.map(([left, help]) => `  ${left.padEnd(width)}${help}`),
    ...(examples.length === 0 ? [] : ['', 'Examples:']),
    ...examples.map((example) => `  npx zx scripts/${name}.mjs ${example}`),
  ];
  return `${lines.join('\n')}\n`;
}

// `… | head` closes our stdout; that is no failure of the command.
function endQuietlyWithoutReader() {
  process.stdout.on('error', (error) => {
    if (error.code === 'EPIPE') process.exit();
    throw error;
  });
}
