import { isUtf8 } from 'node:buffer';
import { isAbsolute, join, normalize } from 'node:path';

// A byte that is part of no UTF-8 stands as a lone surrogate, U+DC00 plus the byte, as in Python.
const ESCAPE = 0xdc00;
const ESCAPED = /[\udc80-\udcff]/u;
const EACH_ESCAPED = /([\udc80-\udcff]+)/u;

/** The name of a file by its bytes, whatever they are: distinct bytes are distinct names. */
export function decodeName(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (isUtf8(buffer)) return buffer.toString('utf8');
  let name = '';
  let from = 0; // of what is UTF-8 up to `at`
  for (let at = 0; at < buffer.length; ) {
    const length = sequence(buffer[at] ?? 0);
    const part = buffer.subarray(at, at + length);
    if (length === 1 ? (part[0] ?? 0) < 0x80 : part.length === length && isUtf8(part)) {
      at += length;
      continue;
    }
    name += buffer.toString('utf8', from, at) + String.fromCharCode(ESCAPE + (part[0] ?? 0));
    from = ++at;
  }
  return name + buffer.toString('utf8', from);
}

/** The bytes that `decodeName` made a name of. */
export function encodeName(name: string): Buffer {
  if (!isEscaped(name)) return Buffer.from(name);
  const bytes = (part: string) =>
    ESCAPED.test(part)
      ? Buffer.from(Array.from(part, (letter) => letter.charCodeAt(0) - ESCAPE))
      : Buffer.from(part);
  return Buffer.concat(name.split(EACH_ESCAPED).map(bytes));
}

/** Whether a name has bytes that are no UTF-8. */
export function isEscaped(name: string): boolean {
  return ESCAPED.test(name);
}

/** The path of a name under a folder, for the file system; an absolute one is a path by itself. */
export function pathOf(root: string, name: string): string | Buffer {
  const path = isAbsolute(name) ? normalize(name) : join(root, name);
  return isEscaped(path) ? encodeName(path) : path;
}

/** The same path for people: bytes that are no UTF-8 as \xNN. */
export function shownPath(root: string, name: string): string {
  return shownName(isAbsolute(name) ? normalize(name) : join(root, name));
}

/** A name for people. */
export function shownName(name: string): string {
  if (!isEscaped(name)) return name;
  const hex = (letter: string) => `\\x${(letter.charCodeAt(0) - ESCAPE).toString(16)}`;
  return name.replace(new RegExp(ESCAPED, 'gu'), hex);
}

/** The bytes of names, with a NUL between each two. */
export function joinedNames(names: readonly string[]): Buffer {
  return encodeName(names.join('\0'));
}

/** What `joinedNames` joined. */
export function splitNames(bytes: Uint8Array): string[] {
  return decodeName(bytes).split('\0');
}

/** Bytes of a letter of UTF-8, by its first. */
function sequence(first: number): number {
  if (first < 0xc0) return 1;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : 4;
}
