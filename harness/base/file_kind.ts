import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { UserError } from './errors.ts';
import { BEGINNINGS, KINDS, type Kind, SIGNATURES, TEXTS } from './file_signatures.ts';

/** What a file is by its content, whatever its name says. */
export interface FileKind {
  readonly kind: Kind;
  /** With its article, to follow `FILE is`: `a gzip file`. */
  readonly name: string;
  /** What to do, where that does not depend on what the file was wanted for. */
  readonly mend?: string;
  /** Name and mend as one: `a gzip file; unpack it with ``gunzip```. */
  readonly words: string;
}

/** Bytes of a file's begin and end that are enough to tell every kind. */
export const HEAD_BYTES = 4096;
const TAIL_BYTES = 65536;
const SHOWN = 40; // letters of a text that its name repeats

/**
 * The kind of a file by its content, or undefined for one that no rule knows.
 * @param first the file's first bytes: all of a short file, `HEAD_BYTES` tell every kind.
 * @param size of the whole file in bytes.
 * @param last its last bytes, for what only the end of a zip archive tells.
 */
export function fileKind(first: Uint8Array, size: number, last = first): FileKind | undefined {
  const kind = kindOf(first, size, last);
  if (kind === undefined) return undefined;
  const [called, mend]: readonly [string, string?] = KINDS[kind];
  const name = kind === 'text' ? `${called} that begins "${firstLine(first)}"` : called;
  return mend === undefined
    ? { kind, name, words: name }
    : { kind, name, mend, words: `${name}; ${mend}` };
}

/** The kind of a file on disk; undefined also where it cannot be read. */
export function fileKindAt(path: string): FileKind | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const stat = fstatSync(file);
    if (!stat.isFile()) return undefined; // a pipe would be waited for, or lose what is read
    const first = pieceOf(file, 0, Math.min(HEAD_BYTES, stat.size));
    const last = pieceOf(file, Math.max(0, stat.size - TAIL_BYTES), stat.size);
    return fileKind(first, stat.size, last);
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/**
 * The error for a file that is something else than what was asked for; undefined where its content
 * does not tell, or is of that kind after all, so that the reader's own message is the better one.
 * @param expected what was asked for, with its article.
 * @param kinds what such a file can look like.
 */
export function otherKind(
  path: string,
  expected: string,
  kinds: readonly Kind[],
): UserError | undefined {
  const found = fileKindAt(path);
  if (found === undefined || kinds.includes(found.kind)) return undefined;
  const { name, mend = `name ${expected}` } = found;
  const way = mend.replace('FILE OUT.safetensors', () => `${path} ${freeName(path)}`);
  return new UserError(`${path} is ${name}, expected ${expected}; ${way}`);
}

// What a message proposes never writes over a file that is there.
function freeName(path: string): string {
  const stem = path.replace(ENDINGS, '');
  const taken = existsSync(`${stem}.safetensors`);
  return taken ? `${stem}_converted.safetensors` : `${stem}.safetensors`;
}

const ENDINGS = /(?:\.(?:pth|pt|tar|ckpt|bin|pkl|safetensors))*$/;

function pieceOf(file: number, begin: number, end: number): Uint8Array {
  const bytes = new Uint8Array(end - begin);
  return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, begin));
}

function kindOf(first: Uint8Array, size: number, last: Uint8Array): Kind | undefined {
  if (size === 0) return 'empty';
  if (first.length === 0) return undefined;
  const letters = latin1(first);
  if (isSafetensors(first)) return 'safetensors';
  if (ZIP.some((mark) => letters.startsWith(mark))) return zipKind(letters, latin1(last));
  const begins = BEGINNINGS.find(([, pattern]) => pattern.test(letters));
  if (begins !== undefined) return begins[0];
  const text = textIn(first, size);
  if (text !== undefined) return TEXTS.find(([, pattern]) => pattern.test(text))?.[0] ?? 'text';
  const signature = SIGNATURES.find(([, pattern, at]) => stands(letters, pattern, at));
  if (signature !== undefined) return signature[0];
  if (isPickle(first))
    return letters.slice(0, MAGIC_END).includes(TORCH_MAGIC) ? 'torch-legacy' : 'pickle';
  if (isOnnx(first)) return 'onnx';
  if (isTar(first)) return 'tar';
  return first.every(isZero) && last.every(isZero) ? 'zeros' : undefined;
}

const ZIP = ['PK\x03\x04', 'PK\x05\x06', 'PK\x07\x08'];
const TORCH_MAGIC = '\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19'; // torch.serialization
const MAGIC_END = 32; // further in, it begins a storage that Python's pickle holds

// Protocols 2 to 5, and one of the few instructions that such a file begins with.
function isPickle([mark, protocol = 0, instruction = 0]: Uint8Array): boolean {
  const begins = '}])(cKMXUGNqJ\x88\x89\x8a\x8b\x8c\x95'.includes(String.fromCharCode(instruction));
  return mark === 0x80 && protocol >= 2 && protocol <= 5 && begins;
}

// Its fields 1 and 2: a version as one small number, then the name of the program that wrote it.
function isOnnx(first: Uint8Array): boolean {
  const [field1, version = 0, field2, length = 0] = first;
  const writer = latin1(first.subarray(4, 4 + length));
  return field1 === 8 && version < 16 && field2 === 0x12 && /^[\w. -]{2,40}$/.test(writer);
}

// Letters of a text would make its length far larger than any header may be.
function isSafetensors(first: Uint8Array): boolean {
  if (first.length < 10 || first[8] !== 0x7b) return false;
  const length = Buffer.from(first.subarray(0, 8)).readBigUInt64LE();
  return length >= 2n && length <= 100_000_000n;
}

function zipKind(first: string, last: string): Kind {
  const names = [...zipNames(first, 'PK\x03\x04', 26, 30), ...zipNames(last, 'PK\x01\x02', 28, 46)];
  const some = (pattern: RegExp) => names.some((name) => pattern.test(name));
  if (some(/^[^/]+\/(?:code\/|constants\.pkl$|model\.json$)/)) return 'torchscript';
  if (some(/^[^/]+\/data\.pkl$/)) return first.includes('c__torch__') ? 'torchscript' : 'torch';
  return names.length > 0 && names.every((name) => name.endsWith('.npy')) ? 'npz' : 'zip';
}

function zipNames(letters: string, mark: string, lengthAt: number, nameAt: number): string[] {
  const names: string[] = [];
  for (let at = letters.indexOf(mark); at >= 0; at = letters.indexOf(mark, at + 4)) {
    const length = letters.charCodeAt(at + lengthAt) + 256 * letters.charCodeAt(at + lengthAt + 1);
    if (at + nameAt + length <= letters.length)
      names.push(letters.slice(at + nameAt, at + nameAt + length));
  }
  return names;
}

// A tar file of before POSIX has no mark; its first block holds its own sum instead.
function isTar(first: Uint8Array): boolean {
  if (first.length < 512) return false;
  const written = /^ *([0-7]{4,6})(?![89])/.exec(latin1(first.subarray(148, 156)))?.[1];
  if (written === undefined) return false;
  const sum = first
    .subarray(0, 512)
    .reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0);
  return sum === Number.parseInt(written, 8);
}

/** The text that bytes are in UTF-8, where they are one; the last letter of a piece may be cut. */
function textIn(first: Uint8Array, size: number): string | undefined {
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    const text = decoder.decode(first, { stream: first.length < size });
    return /[^\P{Cc}\t\n\f\r\v\u0085]/u.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

function firstLine(first: Uint8Array): string {
  const [line = ''] = new TextDecoder()
    .decode(first)
    .trim()
    .split(/[\r\n\f\v]/, 1);
  return line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line;
}

function stands(letters: string, pattern: string, at = 0): boolean {
  if (letters.length < at + pattern.length) return false;
  return [...pattern].every((letter, i) => letter === '?' || letter === letters[at + i]);
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

function isZero(byte: number): boolean {
  return byte === 0;
}
