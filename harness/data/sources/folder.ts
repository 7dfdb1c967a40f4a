import { type Dirent, readdirSync, statSync } from 'node:fs';
import { extname, join, resolve } from 'node:path';
import { UserError } from '../../base/errors.ts';
import { fileError } from '../../base/file_error.ts';
import { errorCode } from '../../base/files.ts';
import { EXTENSIONS, OTHER_EXTENSIONS } from '../images/image_kind.ts';
import type { FileIndex } from './file_index.ts';

const LAYOUT = 'expected ROOT/CLASS/IMAGE.jpg, one folder a class';

/**
 * One folder a class. Classes in the order of their names by UTF-16 code units, which is Python's
 * `sorted` for all but rare letters; images of a class likewise. An image is a file whose extension
 * says so, in letters of any case. What begins with a dot is not looked at; every other thing that
 * is left out is in the notes.
 * @throws UserError where the layout is another, a class has no image, or there are images in a
 *   format that is not read.
 */
export function indexFolder(root: string, data: string): FileIndex {
  const base = resolve(data, root);
  const { folders: classes, files: loose } = list(base);
  if (classes.length === 0) {
    const mend = 'make a folder for each class, or write a list file for a source of kind list';
    throw new UserError(`${base} has no folders in it, ${LAYOUT}; ${mend}`);
  }
  const names: string[] = [];
  const labels: number[] = [];
  const left: string[] = [...loose];
  const nested: string[] = [];
  for (const [label, name] of classes.entries()) {
    const { folders, files } = list(join(base, name));
    const images = files.filter((file) => hasExtension(file, EXTENSIONS));
    refuseOthers(base, name, files);
    if (images.length === 0) throw emptyClass(join(base, name), folders);
    for (const file of images) {
      names.push(`${name}/${file}`);
      labels.push(label);
    }
    left.push(...files.filter((file) => !images.includes(file)).map((file) => `${name}/${file}`));
    nested.push(...folders.map((folder) => `${name}/${folder}/`));
  }
  const notes = [
    ...noteOf(left, 'left out as no images by their extension'),
    ...noteOf(nested, 'left out as folders inside a class'),
  ];
  return { root: base, names, labels: Int32Array.from(labels), classes, notes };
}

interface Listing {
  readonly folders: readonly string[];
  readonly files: readonly string[];
}

/** Names in a folder in order; links count as what they lead to. */
function list(path: string): Listing {
  const entries = read(path).filter(({ name }) => !name.startsWith('.'));
  const folders: string[] = [];
  const files: string[] = [];
  for (const entry of entries) (isFolder(path, entry) ? folders : files).push(entry.name);
  return { folders: folders.sort(), files: files.sort() };
}

function read(path: string): Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch (cause) {
    if (errorCode(cause) === 'ENOTDIR')
      throw new UserError(`${path} is a file, ${LAYOUT}; name the folder above the classes`);
    if (errorCode(cause) === 'ENOENT')
      throw new UserError(`${path} is not there; name its place with --data or the source's root`);
    throw fileError(path, cause);
  }
}

function isFolder(path: string, entry: Dirent): boolean {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  return statSync(join(path, entry.name), { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function hasExtension(file: string, extensions: readonly string[]): boolean {
  return extensions.includes(extname(file).toLowerCase());
}

function refuseOthers(base: string, name: string, files: readonly string[]): void {
  const others = files.filter((file) => hasExtension(file, OTHER_EXTENSIONS));
  const [first] = others;
  if (first === undefined) return;
  throw new UserError(
    `${join(base, name, first)}${others.length > 1 ? ` and ${others.length - 1} more there` : ''}: images of a format that is not read, expected ${EXTENSIONS.join(', ')}; convert them or move them away`,
  );
}

function emptyClass(path: string, folders: readonly string[]): UserError {
  const found = folders.length === 0 ? '' : ` but ${folders.length} folders`;
  return new UserError(
    `${path} has no images${found}, ${LAYOUT}, with extension ${EXTENSIONS.join(', ')}; remove the folder or put its images there`,
  );
}

const SHOWN = 5;

function noteOf(names: readonly string[], what: string): string[] {
  if (names.length === 0) return [];
  const shown = names.slice(0, SHOWN).join(', ');
  return [`${names.length} ${what}: ${shown}${names.length > SHOWN ? ', …' : ''}`];
}
