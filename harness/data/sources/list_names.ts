import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { isAbsolute, posix, resolve } from 'node:path';
import { isEscaped, pathOf } from './file_names.ts';
import { type LineError, quoted } from './list_line.ts';

/**
 * The names of files as the file system has them: back slashes where no file has them, and letters
 * with marks in the form that the folder has (macOS takes them apart, and archives keep that).
 */
export class ListNames {
  private readonly root: string;
  private readonly folders = new Map<string, Promise<ReadonlyMap<string, readonly string[]>>>();

  constructor(root: string) {
    this.root = root;
  }

  /** At once for most names. @throws what `fail` makes of a name that can be no file's. */
  find(written: string, fail: LineError): string | Promise<string> {
    refuse(written, fail);
    const slashed =
      written.includes('\\') && !this.has(written) ? written.replaceAll('\\', '/') : written;
    const name = /\/\/|(^|\/)\.{1,2}\//.test(slashed) ? posix.normalize(slashed) : slashed;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII has one form
    if (/^[\x00-\x7f]*$/.test(name) || isEscaped(name) || this.has(name)) return name;
    return this.inFolders(name, fail);
  }

  private has(name: string): boolean {
    return existsSync(pathOf(this.root, name));
  }

  /** Part by part, in the form that the folders have; as it is where there is no such file. */
  private async inFolders(name: string, fail: LineError): Promise<string> {
    let found = isAbsolute(name) ? '/' : '';
    for (const part of name.split('/').filter((one) => one !== '')) {
      const folder = resolve(this.root, found);
      const [only, other] =
        part === '..' ? [part] : ((await this.namesIn(folder)).get(part.normalize('NFC')) ?? []);
      if (only === undefined) return name;
      if (other !== undefined)
        throw fail(
          `: ${quoted(part)} in ${folder} is two files whose names differ in how their letters are encoded; rename one`,
        );
      found = posix.join(found, only);
    }
    return found;
  }

  private namesIn(folder: string): Promise<ReadonlyMap<string, readonly string[]>> {
    const known = this.folders.get(folder) ?? formsIn(folder);
    this.folders.set(folder, known);
    return known;
  }
}

/** Names of a folder by the form in which they are compared; none where there is no such folder. */
async function formsIn(folder: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const forms = new Map<string, string[]>();
  for (const name of await readdir(folder).catch(() => [])) {
    const form = name.normalize('NFC');
    forms.set(form, [...(forms.get(form) ?? []), name]);
  }
  return forms;
}

function refuse(name: string, fail: LineError): void {
  if (name.includes('\0'))
    throw fail(': a NUL in the path, which no path can have; write the list as text again');
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(name))
    throw fail(`: ${quoted(name)} is an address, expected a path; download the images first`);
  if (/^[a-z]:[\\/]/i.test(name))
    throw fail(`: ${quoted(name)} is a path of Windows; write it relative to the source's root`);
}
