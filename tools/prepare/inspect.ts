import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { BREATH, breath } from '../../harness/base/index.ts';
import { decodeStrictly } from '../../harness/data/images/decode.ts';
import { kindOf } from '../../harness/data/images/image_kind.ts';
import { classNames } from '../../harness/data/label_counts.ts';
import { openSource } from '../../harness/data/open_source.ts';
import type { Source } from '../../harness/data/source.ts';
import { sourceWarnings } from '../../harness/data/source_warnings.ts';
import { checkSamples } from '../../harness/data/sources/check.ts';
import type { SourceSpec } from '../../harness/data/spec.ts';
import type { KnownCount } from './known.ts';
import { inOut, type Work } from './work.ts';

const SHOWN = 5;

/**
 * Opens a part of a set, which hashes each of its files, and says what it is and in what it differs from
 * the official one: count, classes, images that are there twice, files that are damaged or no pictures.
 * @throws UserError for what makes it unusable.
 */
export async function inspect(
  work: Work,
  name: string,
  spec: SourceSpec,
  known?: KnownCount,
): Promise<Source> {
  const { signal, tell, differences, said } = work;
  tell(`reading ${name}`);
  const source = await openSource(spec, { data: inOut(work), signal });
  const classes = source.labels || source.marks ? classNames(name, source).length : 0;
  said.push(
    `${name}: ${source.count} images, ${classes} classes, SHA-256 ${source.manifest.sha256}`,
  );
  differences.push(...sourceWarnings(name, source));
  if (known !== undefined && source.count !== known.images)
    differences.push(`${name}: ${source.count} of ${known.images} images: not the official set`);
  if (known !== undefined && classes !== known.classes)
    differences.push(`${name}: ${classes} classes, the official set has ${known.classes}`);
  differences.push(...listed(`${name}: images that are there before`, twins(source)));
  const faults = work.decode ? await decoded(source) : await suspicious(source, signal);
  differences.push(...listed(`${name}: files that cannot be used`, faults));
  return source;
}

/** Test images that are among the training images, by their bytes. */
export function overlap(work: Work, name: string, train: Source, test: Source): void {
  if (train.files === undefined || test.files === undefined) return;
  const known = new Set(digestsOf(train.files.digests));
  const both = [...digestsOf(test.files.digests).entries()]
    .filter(([, digest]) => known.has(digest))
    .map(([index]) => test.describe(index));
  work.differences.push(...listed(`${name}: images that are among those of training`, both));
}

export function listed(what: string, names: readonly string[]): string[] {
  const more = names.length > SHOWN ? ', …' : '';
  return names.length === 0
    ? []
    : [`${what}: ${names.length}: ${names.slice(0, SHOWN).join(', ')}${more}`];
}

export function twins(source: Pick<Source, 'files' | 'manifest' | 'describe'>): string[] {
  const { files, manifest } = source;
  if (files === undefined || manifest.parts !== undefined) return [];
  const seen = new Set<string>();
  const found: string[] = [];
  for (const [index, digest] of digestsOf(files.digests).entries()) {
    if (seen.has(digest)) found.push(source.describe(index));
    seen.add(digest);
  }
  return found;
}

function digestsOf(digests: Uint8Array): string[] {
  const bytes = Buffer.from(digests.buffer, digests.byteOffset, digests.length);
  return Array.from({ length: bytes.length / 32 }, (_, i) =>
    bytes.toString('latin1', 32 * i, 32 * (i + 1)),
  );
}

async function decoded(source: Source): Promise<string[]> {
  const faults: string[] = [];
  for await (const { message } of checkSamples(source)) faults.push(message);
  return faults;
}

/**
 * Decodes only what does not begin as a picture, or is a JPEG file that does not end as one, as after a
 * copy that was cut off. The rest is decoded before the first step of a run.
 */
async function suspicious(source: Source, signal: AbortSignal | undefined): Promise<string[]> {
  const faults: string[] = [];
  if (source.files === undefined) return faults;
  for (let index = 0; index < source.count; index++) {
    if (index % BREATH === 0) await breath(signal);
    const path = source.describe(index);
    const bytes = looksWhole(path) ? undefined : source.bytes?.(index);
    if (bytes === undefined) continue;
    const fault = await decodeStrictly(bytes, path).then(
      () => undefined,
      (error: Error) => error.message,
    );
    if (fault !== undefined) faults.push(fault);
  }
  return faults;
}

const TAIL = 64; // bytes, in which the end of a JPEG file lies

function looksWhole(path: string): boolean {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return false; // its name is shown otherwise than it is
  }
  try {
    const { size } = fstatSync(file);
    const [head, tail] = [Buffer.alloc(12), Buffer.alloc(TAIL)];
    readSync(file, head, 0, head.length, 0);
    readSync(file, tail, 0, TAIL, Math.max(0, size - TAIL));
    const kind = kindOf(head);
    return kind !== undefined && (kind !== 'JPEG' || tail.includes(Buffer.of(0xff, 0xd9)));
  } finally {
    closeSync(file);
  }
}
