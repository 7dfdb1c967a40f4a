import { statSync } from 'node:fs';
import { BREATH, breath } from '../../base/breath.ts';
import { UserError } from '../../base/errors.ts';
import { fileError } from '../../base/file_error.ts';
import { sha256, sha256Slowly } from '../../base/hash.ts';
import type { Manifest, OpenOptions } from '../source.ts';
import type { FileIndex } from './file_index.ts';
import { isEscaped, pathOf, shownName, shownPath } from './file_names.ts';
import { type Known, readKnown, writeKnown } from './hash_cache.ts';
import { hashFiles } from './hash_files.ts';

/**
 * The manifest of image files: SHA-256 over a line `DIGEST LABEL` a sample, in order, where DIGEST
 * is the SHA-256 of the file's bytes and LABEL `-` where there is none, or as many marks as there are
 * classes (`marks 1 0 -1`). Names are not in it. Each
 * file is read once: its digest is kept in the user's cache beside size and time of change, and
 * taken from there as long as both are the same.
 * @param options `verify` reads every file again.
 * @returns the manifest, and the digests, 32 bytes a sample in order
 * @throws UserError that names files which are not there or cannot be read, and with `verify` those
 *   whose content changed while size and time did not.
 */
export async function contentManifest(
  index: FileIndex,
  { verify = false, onProgress = () => {}, signal }: Partial<OpenOptions>,
): Promise<{ readonly manifest: Manifest; readonly digests: Uint8Array }> {
  const { root, names, notes } = index;
  const known = await readKnown(root, signal);
  const states = await statesOf(index, signal);
  const unique = new Set(names);
  const stale = [...unique].filter((name) => verify || !isSame(known.get(name), states.get(name)));
  const hashed = await hashFiles(root, stale, {
    onProgress: (done) => onProgress(done, stale.length),
    signal,
  });
  const changed: string[] = [];
  for (const [place, name] of stale.entries()) {
    const state = states.get(name);
    if (state === undefined) continue;
    const digest = hashed.subarray(32 * place, 32 * (place + 1));
    const before = known.get(name);
    if (isSame(before, state) && Buffer.compare(digest, before?.digest ?? digest) !== 0)
      changed.push(name);
    known.set(name, { ...state, digest });
  }
  if (changed.length > 0) throw secretlyChanged(root, changed);
  if (stale.length > 0) await writeKnown(root, known);
  const digests = digestsOf(names, known);
  const sha256 = await sha256Slowly(lines(digests, index));
  await breath(signal);
  return { manifest: { sha256, count: names.length, notes }, digests };
}

/** SHA-256 of a manifest: over a line a sample, of its file's digest and its label. */
export function manifestHash(digests: Uint8Array, truth: Truth): string {
  return sha256(lines(digests, truth));
}

/** What is said of the samples. */
type Truth = Pick<FileIndex, 'labels' | 'marks'>;

type State = Omit<Known, 'digest'>;

function isSame(known: Known | undefined, state: State | undefined): boolean {
  return known?.size === state?.size && known?.modified === state?.modified;
}

async function statesOf(
  index: FileIndex,
  signal: AbortSignal | undefined,
): Promise<Map<string, State>> {
  const { root, names } = index;
  const states = new Map<string, State>();
  const missing: number[] = [];
  for (const [place, name] of names.entries()) {
    if (place % BREATH === 0) await breath(signal);
    if (states.has(name)) continue;
    const state = stateOf(root, name);
    if (state === undefined) missing.push(place);
    else states.set(name, state);
  }
  if (missing.length > 0) throw notThere(index, missing);
  return states;
}

/** Undefined where nothing is. */
function stateOf(root: string, name: string): State | undefined {
  try {
    const stat = statSync(pathOf(root, name), { throwIfNoEntry: false });
    if (stat === undefined) return undefined;
    const code = stat.isDirectory() ? 'EISDIR' : 'ENXIO';
    if (!stat.isFile()) throw Object.assign(new Error(name), { code });
    return { size: stat.size, modified: stat.mtimeMs };
  } catch (cause) {
    throw fileError(shownPath(root, name), cause);
  }
}

function notThere({ root, names, where }: FileIndex, missing: readonly number[]): UserError {
  const [place = 0] = missing;
  const name = names[place] ?? '';
  const named = where === undefined ? '' : `${where(place)}: `;
  const bytes = isEscaped(name) ? ', and the name there is no UTF-8: save the list as UTF-8' : '';
  const first = `${named}${shownPath(root, name)}`;
  if (missing.length === 1)
    return new UserError(`${first} is not there${bytes}; put it back or take it off the list`);
  return new UserError(
    `${missing.length} of ${names.length} images are not there, the first is ${first}${bytes}; put them back, or correct the source's root or list`,
  );
}

const SHOWN = 5;

function secretlyChanged(root: string, names: readonly string[]): UserError {
  const shown = names.slice(0, SHOWN).map(shownName).join(', ');
  const more = names.length > SHOWN ? `, and ${names.length - SHOWN} more` : '';
  return new UserError(
    `${root}: the content of ${shown}${more} changed while size and time of change did not: a disk error, or a program that put the time back; copy what is damaged again, or \`touch\` what is right as it is`,
  );
}

function digestsOf(names: readonly string[], known: ReadonlyMap<string, Known>): Uint8Array {
  const digests = new Uint8Array(32 * names.length);
  for (const [place, name] of names.entries()) {
    const digest = known.get(name)?.digest;
    if (digest === undefined) throw new Error(`${name} has not been hashed`);
    digests.set(digest, 32 * place);
  }
  return digests;
}

const PIECE = 2 ** 16; // letters

function* lines(digests: Uint8Array, truth: Truth): Generator<string> {
  const bytes = Buffer.from(digests.buffer, digests.byteOffset, digests.length);
  const said = truthOf(truth, digests.length / 32);
  let piece = ''; // of several lines: a hash takes longer to begin than to go on
  for (let place = 0; 32 * place < bytes.length; place++) {
    piece += `${bytes.toString('hex', 32 * place, 32 * (place + 1))} ${said(place)}\n`;
    if (piece.length < PIECE) continue;
    yield piece;
    piece = '';
  }
  yield piece;
}

/** What is said of a sample, as its line of a manifest has it. */
function truthOf({ labels, marks }: Truth, count: number): (place: number) => string {
  if (marks === undefined) return (place) => String(labels?.[place] ?? '-');
  const classes = marks.length / count;
  return (place) => `marks ${marks.subarray(place * classes, (place + 1) * classes).join(' ')}`;
}
