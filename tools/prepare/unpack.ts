import { createHash } from 'node:crypto';
import { closeSync, createReadStream, openSync, readSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { type Entry, extract } from 'tar-stream';
import { errorCode, fileError, otherKind, UserError } from '../../harness/base/index.ts';
import { entryPath, linkTarget } from './entry_path.ts';
import { MD5 } from './known.ts';
import { Target } from './target.ts';

/** What was unpacked. */
export interface Unpacked {
  readonly files: number;
  /** Of them, those that were there already with the same content. */
  readonly same: number;
  readonly md5: string;
  /** What the publisher says, where the archive has a known name. */
  readonly expectedMd5: string | undefined;
}

/** How an archive is unpacked. */
export interface UnpackOptions {
  /** Where an entry goes, relative to the target; undefined leaves it out. */
  readonly place?: (entry: string) => string | undefined;
  /** An archive inside this one is unpacked into this folder of the target; undefined keeps it. */
  readonly inside?: (entry: string) => string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told of each file. */
  readonly onFile?: (files: number) => void;
}

/**
 * Unpacks a `.tar`, or a gzip of one, into a folder: in pieces, so that memory does not grow with it,
 * and each file whole or not at all. A file that is there with the same content stays; one with another
 * is not written over. The archive is only read.
 * @throws UserError naming the archive and entry for an entry that would lie outside the folder, a link
 *   that leads out, a device or pipe, and an archive that ends early or is none.
 */
export async function unpack(
  archive: string,
  folder: string,
  options: UnpackOptions = {},
): Promise<Unpacked> {
  const target = new Target(folder);
  const hash = createHash('md5');
  const count = { files: 0, same: 0 };
  let raw: Readable | undefined;
  try {
    const unzip = isGzip(archive) ? [createGunzip()] : [];
    raw = createReadStream(archive, { highWaterMark: 1 << 20 });
    const seen = new Transform({
      transform(piece: Buffer, _, next) {
        hash.update(piece);
        next(null, piece);
      },
    });
    const tar = chained(raw, seen, ...unzip);
    await unpackStream(tar, '', { archive, target, count, options });
    target.finish();
  } catch (cause) {
    throw options.signal?.aborted ? cause : refusal(archive, cause);
  } finally {
    raw?.destroy();
  }
  return { ...count, md5: hash.digest('hex'), expectedMd5: MD5[basename(archive)] };
}

interface Work {
  readonly archive: string;
  readonly target: Target;
  readonly count: { files: number; same: number };
  readonly options: UnpackOptions;
}

/** @param under folder of the target that all entries go to */
async function unpackStream(tar: Readable, under: string, work: Work): Promise<void> {
  const { options } = work;
  const entries = extract();
  tar.on('error', (error) => entries.destroy(error));
  tar.pipe(entries);
  for await (const entry of entries) {
    options.signal?.throwIfAborted();
    await unpackEntry(entry, under, work);
  }
}

async function unpackEntry(entry: Entry, under: string, work: Work): Promise<void> {
  const { archive, target, count, options } = work;
  const { name, type, linkname, size } = entry.header;
  const fail = (why: string) =>
    new UserError(
      `${archive}: the entry ${JSON.stringify(name.slice(0, 200))} ${why}; nothing is written there: fetch the archive again from its publisher`,
    );
  // tar-stream takes a size that is no number, and then waits without end.
  if (!Number.isSafeInteger(size)) throw fail('has no size that is a number');
  const own = named(() => entryPath(name), fail);
  const placed = under === '' ? options.place : undefined; // what is inside an archive goes to its folder
  const wanted = own === undefined ? undefined : placed === undefined ? own : placed(own);
  const place = wanted === undefined ? undefined : join(under, wanted);
  const nested = own === undefined || under !== '' ? undefined : options.inside?.(own);
  if (type === 'file' || type === 'contiguous-file') {
    if (nested !== undefined) return unpackStream(entry, nested, work);
    if (place === undefined) return drained(entry);
    const same = await target.write(place, entry);
    count.files++;
    if (same) count.same++;
    options.onFile?.(count.files);
    return;
  }
  if (type === 'directory') return; // one that claims to have content never ends
  await drained(entry);
  if (type !== 'symlink' && type !== 'link') throw fail(`is no file but ${String(type)}`);
  const led = named(() => linkTarget(own ?? '', linkname ?? '', type === 'link'), fail);
  if (place !== undefined) target.link(place, join(under, led), type === 'link');
}

function named<T>(find: () => T, fail: (why: string) => UserError): T {
  try {
    return find();
  } catch (cause) {
    throw fail(cause instanceof Error ? cause.message : String(cause));
  }
}

async function drained(entry: Entry): Promise<void> {
  for await (const _ of entry); // the next entry comes once this one has been read
}

function chained(first: Readable, ...others: readonly Transform[]): Readable {
  return others.reduce<Readable>((before, next) => {
    before.on('error', (error) => next.destroy(error));
    return before.pipe(next);
  }, first);
}

function isGzip(path: string): boolean {
  const file = openSync(path, 'r');
  try {
    const head = new Uint8Array(2);
    readSync(file, head, 0, 2, 0);
    return head[0] === 0x1f && head[1] === 0x8b;
  } finally {
    closeSync(file);
  }
}

function refusal(archive: string, cause: unknown): unknown {
  if (cause instanceof UserError) return cause;
  const system = fileError(archive, cause);
  if (system instanceof UserError) return system;
  const other = otherKind(archive, 'a tar archive', ['tar', 'gzip']);
  if (other !== undefined) return other;
  const message = cause instanceof Error ? cause.message : String(cause);
  const zlib = /^Z_/.test(errorCode(cause) ?? '');
  if (!zlib && !/^(invalid|unexpected end|header exceeds|.*stream\b)/i.test(message)) return cause;
  return new UserError(
    `${archive} is no whole tar archive (${message}): it was cut off or damaged, so fetch it again`,
    { cause },
  );
}
