import { extname, join, resolve } from 'node:path';
import { UserError } from '../../base/errors.ts';
import { fileError } from '../../base/file_error.ts';
import { errorCode } from '../../base/files.ts';
import { comparable, declaredClasses, inLabelOrder, labelsByName } from '../class_names.ts';
import { EXTENSIONS, OTHER_EXTENSIONS } from '../images/image_kind.ts';
import type { SourceSpec } from '../spec.ts';
import type { FileIndex, IndexOptions } from './file_index.ts';
import { shownName, shownPath } from './file_names.ts';
import { LeftOut } from './left_out.ts';
import { type Listing, listFolder } from './listing.ts';

export type FolderSpec = Extract<SourceSpec, { kind: 'folder' }>;

const LAYOUT = 'expected ROOT/CLASS/IMAGE.jpg, one folder a class';

/**
 * One folder a class. Classes in the order of their names, numbers by their value, or as the spec
 * says; images of a class in the order of their names by UTF-16 code units. An image is a file whose
 * extension says so, in letters of any case. What is left out is in the notes, by reason.
 * @throws UserError where the layout is another, a class cannot be looked into, has no image or is
 *   not among those of the spec, or there are images in a format that is not read.
 */
export async function indexFolder(
  spec: FolderSpec,
  { data, signal }: IndexOptions,
): Promise<FileIndex> {
  const base = resolve(data, spec.root);
  const { folders, files, deadLinks, hidden } = await listed(base, signal);
  const [dead] = deadLinks;
  if (dead !== undefined) throw deadClass(base, dead, deadLinks.length);
  if (folders.length === 0) {
    const mend = 'make a folder for each class, or write a list file for a source of kind list';
    throw new UserError(`${base} has no folders in it, ${LAYOUT}; ${mend}`);
  }
  const left = new LeftOut();
  for (const name of files) left.add(isImage(name) ? 'images beside the classes' : NO_IMAGE, name);
  leaveHidden(left, '', hidden);
  const { classes, order } = classesOf(base, folders, declaredClasses(spec.classes, data));
  const names: string[] = [];
  const labels: number[] = [];
  for (const { name, label } of order)
    for (const image of imagesOf(base, name, await listed(join(base, name), signal), left)) {
      names.push(`${name}/${image}`);
      labels.push(label);
    }
  return {
    root: base,
    names,
    labels: Int32Array.from(labels),
    classes: classes.map(shownName),
    notes: left.notes(),
  };
}

async function listed(path: string, signal: AbortSignal | undefined): Promise<Listing> {
  try {
    return await listFolder(path, signal);
  } catch (cause) {
    const shown = shownName(path);
    if (errorCode(cause) === 'ENOTDIR')
      throw new UserError(`${shown} is a file, ${LAYOUT}; name the folder above the classes`);
    if (errorCode(cause) === 'ENOENT')
      throw new UserError(`${shown} is not there; name its place with --data or the source's root`);
    throw fileError(shown, cause);
  }
}

interface Classes {
  /** Names by label. */
  readonly classes: readonly string[];
  /** Folders with their labels, which ascend. */
  readonly order: readonly { readonly name: string; readonly label: number }[];
}

function classesOf(
  base: string,
  folders: readonly string[],
  declared: readonly string[] | undefined,
): Classes {
  const names = inLabelOrder(folders, base);
  if (declared === undefined)
    return { classes: names, order: names.map((name, label) => ({ name, label })) };
  const byName = labelsByName(declared, `classes of ${base}`);
  const keys = comparable(names);
  const order = names.map((name, i) => {
    const label = byName.get(keys[i] ?? '');
    if (label === undefined)
      throw new UserError(
        `${shownPath(base, name)} is none of the ${declared.length} classes that the source names; name it too, or move the folder away`,
      );
    return { name, label };
  });
  return { classes: declared, order: order.sort((a, b) => a.label - b.label) };
}

/** The images of a class. Tells `left` of everything else. */
function imagesOf(
  base: string,
  name: string,
  { folders, files, deadLinks, hidden }: Listing,
  left: LeftOut,
): readonly string[] {
  refuseOthers(base, name, files);
  const dead = deadLinks.find(isImage);
  if (dead !== undefined) throw deadImage(join(base, name), dead);
  const images = files.filter(isImage);
  if (images.length === 0) throw emptyClass(shownPath(base, name), folders);
  for (const file of files) if (!isImage(file)) left.add(NO_IMAGE, `${name}/${file}`);
  for (const folder of folders) left.add('folders inside a class', `${name}/${folder}/`);
  for (const link of deadLinks) left.add('links that lead nowhere', `${name}/${link}`);
  leaveHidden(left, `${name}/`, hidden);
  return images;
}

const NO_IMAGE = 'no images by their extension';

/** Of hidden files, which systems make in every folder, only what could be an image is told. */
function leaveHidden(left: LeftOut, folder: string, hidden: readonly string[]): void {
  for (const name of hidden)
    if (name.endsWith('/') || isImage(name))
      left.add('hidden, by a dot before the name', folder + name);
}

function isImage(file: string): boolean {
  return hasExtension(file, EXTENSIONS);
}

function hasExtension(file: string, extensions: readonly string[]): boolean {
  return extensions.includes(extname(file).toLowerCase());
}

function refuseOthers(base: string, name: string, files: readonly string[]): void {
  const others = files.filter((file) => hasExtension(file, OTHER_EXTENSIONS));
  const [first] = others;
  if (first === undefined) return;
  throw new UserError(
    `${shownPath(base, join(name, first))}${others.length > 1 ? ` and ${others.length - 1} more there` : ''}: images of a format that is not read, expected ${EXTENSIONS.join(', ')}; convert them or move them away`,
  );
}

function emptyClass(path: string, folders: readonly string[]): UserError {
  const found = folders.length === 0 ? '' : ` but ${folders.length} folders`;
  return new UserError(
    `${path} has no images${found}, ${LAYOUT}, with extension ${EXTENSIONS.join(', ')}; remove the folder or put its images there`,
  );
}

// It may be a class: without it every class behind it would have another label.
function deadClass(base: string, name: string, count: number): UserError {
  const more = count > 1 ? `, and ${count - 1} more there lead nowhere` : '';
  return new UserError(
    `${shownPath(base, name)} is a link that leads nowhere${more}; put back what it leads to, or remove it`,
  );
}

function deadImage(folder: string, name: string): UserError {
  return new UserError(
    `${shownPath(folder, name)} is a link that leads nowhere; put back the image that it leads to, or remove it`,
  );
}
