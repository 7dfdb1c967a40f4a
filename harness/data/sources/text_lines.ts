import { isUtf8 } from 'node:buffer';
import { UserError } from '../../base/errors.ts';
import { readBytes } from '../../base/file_error.ts';
import { decodeName } from './file_names.ts';

const ENDS = /\r\n|\n|\r/;

/**
 * The lines of a text that people write: UTF-8, or UTF-16 where a mark at its start says so (Windows'
 * PowerShell); line ends of any system, mixed too; empty lines at its end are none. What is no UTF-8
 * stands as in names of files.
 * @throws UserError naming the file where it cannot be read or has no lines.
 */
export function textLines(path: string): readonly string[] {
  const lines = textOf(readBytes(path)).split(ENDS);
  while (lines.at(-1)?.trim() === '') lines.pop();
  if (lines.length > 0) return lines;
  throw new UserError(`${path} has no lines; write at least one`);
}

function textOf(bytes: Buffer): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  const text = isUtf8(bytes) ? bytes.toString('utf8') : decodeName(bytes);
  return text.replace(/^\uFEFF/, '');
}
