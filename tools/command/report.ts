import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { systemErrorText } from '../../harness/base/index.ts';
import { UsageError } from './parse_line.ts';
import { root } from './root.ts';

let speaker = '';

/** From here on errors say of which process of a run they are. */
export function speakAs(rank: number): void {
  speaker = `rank ${rank}: `;
}

/** Says on stderr what ended a command and sets the exit code: 1 the command failed, 2 its line is wrong. */
export function report(name: string, error: unknown): void {
  const usage = error instanceof UsageError;
  process.stderr.write(`${name}: ${speaker}${textOf(error)}\n`);
  if (usage) process.stderr.write(`\`npx zx scripts/${name}.mjs --help\` lists what it takes.\n`);
  process.exitCode = usage ? 2 : codeOf(error);
}

/** From here on an error that nobody waits for ends the process with the same words as any other. */
export function reportStrays(name: string): void {
  const end = (error: unknown) => {
    report(name, error);
    process.exit();
  };
  process.on('uncaughtException', end);
  process.on('unhandledRejection', end);
}

/** Of what somebody can mend, the message alone; of what is our mistake the whole stack, and what to do with it. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return ours(String(error));
  if (error instanceof UsageError) return error.message;
  if (error.name === 'UserError' || error.name === 'Interrupted') return error.message;
  return systemErrorText(error) ?? ours(error.stack ?? String(error));
}

// By its name, as UserError above: threads and tests have their own copies of a class.
function codeOf(error: unknown): number {
  const interrupted = error instanceof Error && error.name === 'Interrupted' && 'code' in error;
  return interrupted && typeof error.code === 'number' ? error.code : 1;
}

function ours(stack: string): string {
  const line = process.argv.slice(1).map((word) => (/\s/.test(word) ? JSON.stringify(word) : word));
  return [
    stack,
    'This is a mistake in Reprise, not in what you asked for. Please report it with the lines above and these:',
    `  Reprise ${version()}, Node ${process.version}, ${process.platform} ${release()} ${process.arch}`,
    `  ${line.join(' ')}`,
  ].join('\n');
}

function version(): string {
  try {
    const { version: found }: { version?: unknown } = JSON.parse(
      readFileSync(join(root, 'package.json'), 'utf8'),
    );
    return String(found);
  } catch {
    return 'of unknown version';
  }
}
