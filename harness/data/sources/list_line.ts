import { extname } from 'node:path';
import { UserError } from '../../base/errors.ts';
import { EXTENSIONS, OTHER_EXTENSIONS } from '../images/image_kind.ts';
import { shownName } from './file_names.ts';

/** A line of a list, taken apart. */
export interface ListLine {
  readonly name: string;
  /** As it is written; undefined where the list has none. */
  readonly label?: string;
}

/** Makes the error of a line. @param what follows the place, e.g. `has no label` */
export type LineError = (what: string) => UserError;

/** @param number of the line, from 1 */
export function lineError(path: string, number: number): LineError {
  return (what) => new UserError(`${path}, line ${number}${what}`);
}

const IMAGES: readonly string[] = [...EXTENSIONS, ...OTHER_EXTENSIONS];
const QUOTED = /^"((?:[^"]|"")*)"(.*)$/;
const BLANK = /^(.*\S)\s+(\S+)$/;
const SEPARATED = /^(.*\S)\s*[,;\t]\s*([^,;\t]+)$/;
const NUMBERS = /^(.*?)(?:[\s,;|]+[+-]?\d+(?:\.\d+)?){2,}$/;
const HEADER = /^"?(path|file|file_?name|image|image_?id|img|name|id)"?\s*[,;\t ]/i;
const NUMBER = /^[+-]?\d+(\.\d+)?$/;

// Longer than any path; expressions need the square of it.
const LONGEST = 16_384;

/**
 * A path and what follows the last blank of a line; or the last comma, semicolon or tab where what
 * stands before it is an image's name. A path may be in quotation marks, as in tables.
 * @throws what `fail` makes of a line that has no label, or several.
 */
export function labelledLine(line: string, fail: LineError): Required<ListLine> {
  const text = trimmed(line, fail);
  const found = labelled(text);
  if (HEADER.test(text) && !/\d/.test(text))
    throw fail(
      `: ${quoted(line)} is the header of a table, expected "PATH LABEL"; remove the line`,
    );
  if (found === undefined || isImage(found.label))
    throw fail(
      `: ${quoted(line)} has no label, expected "PATH LABEL"; add it, or set labelled: false if the list has none`,
    );
  const several = !isImage(found.name) && isImage(NUMBERS.exec(text)?.[1] ?? '');
  if (several || /^\d+([,;|]\d+)+$/.test(found.label))
    throw fail(
      `: ${quoted(line)} has several labels, expected one; a list of several labels an image is not read: leave one on each line`,
    );
  return { name: found.name, label: found.label };
}

function labelled(text: string): Required<ListLine> | undefined {
  const [, inner, rest = ''] = QUOTED.exec(text) ?? [];
  if (inner !== undefined) {
    const label = rest.replace(/^\s*[,;]?\s*/, '');
    return label === '' ? undefined : { name: unquoted(inner), label: bare(label) };
  }
  const [, path, behind] = SEPARATED.exec(text) ?? [];
  const [, name, label] = BLANK.exec(text) ?? [];
  const table = path !== undefined && behind !== undefined && isImage(path);
  if (table && !isImage(BLANK.exec(behind)?.[1] ?? behind))
    return { name: path, label: bare(behind) };
  if (name !== undefined && label !== undefined) return { name, label: bare(label) };
  if (path !== undefined && behind !== undefined && NUMBER.test(behind))
    return { name: path, label: behind };
  return undefined;
}

/** A path alone. @throws what `fail` makes of an empty line, or one with a label. */
export function plainLine(line: string, fail: LineError): ListLine {
  const text = trimmed(line, fail);
  if (text === '') throw fail(' is empty, expected the path of an image; remove the line');
  const [, inner, rest = ''] = QUOTED.exec(text) ?? [];
  if (inner !== undefined && rest === '') return { name: unquoted(inner) };
  const [, table] = SEPARATED.exec(text) ?? [];
  const [, path, label = ''] = BLANK.exec(text) ?? [];
  const name = inner ?? table ?? (NUMBER.test(label) ? path : undefined);
  if (name !== undefined && isImage(name) && !isImage(text))
    throw fail(
      `: ${quoted(line)} has a label, expected a path alone; set labelled: true, or take the labels away`,
    );
  return { name: text };
}

function trimmed(line: string, fail: LineError): string {
  const text = line.trim();
  if (text.length <= LONGEST) return text;
  throw fail(
    ` has ${text.length} letters, more than a path can have; is it a list, one path a line?`,
  );
}

/** A line as messages show it. */
export function quoted(line: string): string {
  const shown = shownName(line);
  return JSON.stringify(shown.length > 200 ? `${shown.slice(0, 200)}…` : shown);
}

function isImage(path: string): boolean {
  return IMAGES.includes(extname(path).toLowerCase());
}

function unquoted(inner: string): string {
  return inner.replaceAll('""', '"');
}

function bare(label: string): string {
  return label.replace(/^"(.*)"$/, '$1').trim();
}
