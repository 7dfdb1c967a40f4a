import { UserError } from './errors.ts';
import { readText } from './file_error.ts';
import { otherKind } from './file_kind.ts';
import { parseJson } from './json.ts';

const BYTE_ORDER_MARK = '\ufeff'; // Windows' editors write it before UTF-8

/**
 * The value in a file of JSON.
 * @param expected what was asked for, with its article, for messages: `a record of a run`.
 * @throws UserError naming the file and why it cannot be read, what it is instead of JSON, or where
 *   its JSON breaks.
 */
export function readJson(path: string, expected: string): unknown {
  const text = readText(path);
  try {
    return parseJson(text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text);
  } catch (cause) {
    const other = otherKind(path, expected, ['json', 'text']);
    if (other !== undefined) throw other;
    const where = placeOf(cause, text);
    throw new UserError(
      `${path} is no JSON, expected ${expected}: ${reasonOf(cause)}${where}; mend it there, or use an untouched copy`,
      { cause },
    );
  }
}

function reasonOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  return message.replace(/ in JSON at position \d+.*$|, .*is not valid JSON$/s, '');
}

/** Line and column of a parser's position. */
function placeOf(cause: unknown, text: string): string {
  const position = /position (\d+)/.exec(String(cause))?.[1];
  if (position === undefined) return '';
  const lines = text.slice(0, Number(position)).split('\n');
  return ` at line ${lines.length}, column ${(lines.at(-1) ?? '').length + 1}`;
}
