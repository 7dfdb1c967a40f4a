import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { breath } from '../../base/breath.ts';
import { UserError } from '../../base/errors.ts';
import { fileError } from '../../base/file_error.ts';
import { errorCode } from '../../base/files.ts';
import { ABSENT, DIFFICULT, PRESENT } from '../marks.ts';
import type { SourceSpec } from '../spec.ts';
import type { FileIndex, IndexOptions } from './file_index.ts';
import { type LineError, lineError, quoted } from './list_line.ts';
import { listFolder } from './listing.ts';
import { textLines } from './text_lines.ts';

export type VocSpec = Extract<SourceSpec, { kind: 'voc' }>;

/** A path below the folder of a year. */
export function vocFolder(
  { root, year }: Pick<VocSpec, 'root' | 'year'>,
  data: string,
  path: string,
): string {
  return resolve(data, root, `VOC${year}`, path);
}

/**
 * Which classes each image of PASCAL VOC has, from `ImageSets/Main/CLASS_SPLIT.txt`
 * (docs/reference/benchmarks.md, section 2.1). Classes in the order of their names, images in the
 * order of their ids. A file says 1 where a class is there, -1 where it is not, 0 where it is
 * difficult; an image that a file leaves out counts as difficult there.
 * @throws UserError that names the file and line where an id is there twice, unknown to the split's
 *   own list or without an image, or a label is none of these.
 */
export async function indexVoc(spec: VocSpec, { data, signal }: IndexOptions): Promise<FileIndex> {
  const root = vocFolder(spec, data, 'JPEGImages');
  const folder = vocFolder(spec, data, 'ImageSets/Main');
  const classes = await classesOf(spec, folder, signal);
  const files = classes.map((name) => readClass(join(folder, `${name}_${spec.split}.txt`)));
  const { path, lines } = readIds(join(folder, `${spec.split}.txt`), files);
  const ids = [...lines.keys()].sort();
  const places = new Map(ids.map((id, place) => [id, place] as const));
  const marks = new Int8Array(ids.length * classes.length).fill(DIFFICULT);
  for (const [label, file] of files.entries()) {
    await breath(signal);
    for (const [id, { mark, line }] of file.marks) {
      const place = places.get(id);
      if (place === undefined)
        throw lineError(
          file.path,
          line,
        )(
          `: ${quoted(id)} is not in ${path}; both files must be of one split, so unpack them again`,
        );
      marks[place * classes.length + label] = mark;
    }
  }
  const where = (place: number) => `${path}, line ${lines.get(ids[place] ?? '') ?? 0}`;
  return { root, names: ids.map((id) => `${id}.jpg`), marks, classes, notes: [], where };
}

/** Names of the classes that the split has a file of, sorted. */
async function classesOf(
  { split, year }: VocSpec,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const end = `_${split}.txt`;
  const names = (await filesIn(folder, signal)).filter((name) => name.endsWith(end));
  const classes = names.map((name) => name.slice(0, -end.length)).filter((name) => name !== '');
  if (classes.length > 0) return classes.sort();
  throw new UserError(
    `${folder} has no files CLASS${end}; unpack the archive of the ${split} part of VOC${year} there, or choose another split`,
  );
}

async function filesIn(
  folder: string,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  try {
    return (await listFolder(folder, signal)).files;
  } catch (cause) {
    if (errorCode(cause) !== 'ENOENT' && errorCode(cause) !== 'ENOTDIR')
      throw fileError(folder, cause);
    throw new UserError(
      `${folder} is not there, expected ROOT/VOC2007/ImageSets/Main; unpack VOC's archives, or name the place of VOCdevkit with --data or the source's root`,
    );
  }
}

interface ClassFile {
  readonly path: string;
  readonly marks: ReadonlyMap<string, { readonly mark: number; readonly line: number }>;
}

const MARKS: Readonly<Record<string, number>> = { '1': PRESENT, '-1': ABSENT, '0': DIFFICULT };

/** A file of a class: an id and 1, -1 or 0 a line. */
function readClass(path: string): ClassFile {
  const marks = new Map<string, { mark: number; line: number }>();
  for (const [place, text] of textLines(path).entries()) {
    const fail = lineError(path, place + 1);
    const [id = '', label = '', ...more] = text.trim().split(/\s+/);
    const mark = MARKS[label];
    if (!isId(id) || more.length > 0 || label === '')
      throw fail(`: ${quoted(text)}, expected "ID LABEL"; copy the file again`);
    if (mark === undefined)
      throw fail(
        `: label ${quoted(label)}, expected 1 (the class is there), -1 (it is not) or 0 (difficult); copy the file again`,
      );
    refuseTwice(fail, id, marks.get(id)?.line);
    marks.set(id, { mark, line: place + 1 });
  }
  return { path, marks };
}

interface Ids {
  readonly path: string;
  /** The line of each id. */
  readonly lines: ReadonlyMap<string, number>;
}

/** The ids of a split: its own list, or where that is missing, those of its classes' files. */
function readIds(path: string, files: readonly ClassFile[]): Ids {
  if (!existsSync(path)) {
    const lines = new Map<string, number>();
    const [first] = files;
    for (const { marks } of files)
      for (const [id, { line }] of marks) if (!lines.has(id)) lines.set(id, line);
    return { path: first?.path ?? path, lines };
  }
  return { path, lines: idLines(path) };
}

/**
 * The ids of a list, one a line, in its order, each with its line.
 * @throws UserError naming the file, and the line where no id is or one is there twice
 */
export function idLines(path: string): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  for (const [place, text] of textLines(path).entries()) {
    const fail = lineError(path, place + 1);
    const id = text.trim();
    if (!isId(id)) throw fail(`: ${quoted(text)}, expected an image's id; copy the file again`);
    refuseTwice(fail, id, lines.get(id));
    lines.set(id, place + 1);
  }
  return lines;
}

/** An id is a part of a file's name: it must not lead anywhere else. */
function isId(id: string): boolean {
  return /^\w[\w.-]{0,200}$/.test(id);
}

function refuseTwice(fail: LineError, id: string, before: number | undefined): void {
  if (before === undefined) return;
  throw fail(`: ${quoted(id)} is also on line ${before}; each image is there once, so remove one`);
}
