import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { BREATH, breath } from '../../base/breath.ts';
import { fileError } from '../../base/file_error.ts';
import { errorCode } from '../../base/files.ts';
import { decodeName, pathOf, shownPath } from './file_names.ts';

/** What a folder holds, each in order of names by UTF-16 code units. */
export interface Listing {
  readonly folders: readonly string[];
  readonly files: readonly string[];
  /** Links whose target is not there. */
  readonly deadLinks: readonly string[];
  /** Names that begin with a dot; folders among them end in /. */
  readonly hidden: readonly string[];
}

/**
 * Lists a folder; links count as what they lead to.
 * @throws UserError naming what may not be looked at, and links that lead to themselves.
 */
export async function listFolder(path: string, signal?: AbortSignal): Promise<Listing> {
  const folders: string[] = [];
  const files: string[] = [];
  const deadLinks: string[] = [];
  const hidden: string[] = [];
  let links = 0;
  for (const { name, entry } of await entriesOf(path)) {
    if (name.startsWith('.')) {
      hidden.push(entry.isDirectory() ? `${name}/` : name);
      continue;
    }
    if (entry.isSymbolicLink() && links++ % BREATH === 0) await breath(signal);
    const folder = entry.isSymbolicLink() ? await leadsToFolder(path, name) : entry.isDirectory();
    if (folder === undefined) deadLinks.push(name);
    else (folder ? folders : files).push(name);
  }
  await breath(signal);
  return {
    folders: folders.sort(),
    files: files.sort(),
    deadLinks: deadLinks.sort(),
    hidden: hidden.sort(),
  };
}

interface Entry {
  readonly name: string;
  readonly entry: Pick<Dirent, 'isDirectory' | 'isSymbolicLink'>;
}

/** The system's error is thrown as it is: what to say of it depends on the folder. */
async function entriesOf(path: string): Promise<Entry[]> {
  const place = pathOf('', path);
  const entries = await readdir(place, { withFileTypes: true });
  if (!entries.some(({ name }) => name.includes('\ufffd')))
    return entries.map((entry) => ({ name: entry.name, entry }));
  // Where bytes were lost, the names are read again as bytes.
  const raw = await readdir(place, { withFileTypes: true, encoding: 'buffer' });
  return raw.map((entry) => ({ name: decodeName(entry.name), entry }));
}

/** Undefined where the link leads nowhere. */
async function leadsToFolder(path: string, name: string): Promise<boolean | undefined> {
  try {
    return (await stat(pathOf(path, name))).isDirectory();
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return undefined;
    throw fileError(shownPath(path, name), cause);
  }
}
