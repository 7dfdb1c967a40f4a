import { readFileSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { UserError } from '../../base/errors.ts';
import { fileError } from '../../base/file_error.ts';
import { EXTENSIONS } from '../images/image_kind.ts';
import type { SourceSpec } from '../spec.ts';
import type { FileIndex } from './file_index.ts';

export type ListSpec = Extract<SourceSpec, { kind: 'list' }>;

const MAX_LABEL = 2 ** 31 - 1;

/**
 * The original's list files (docs/reference/harness.md, section 7): a path a line, relative to
 * `root`, and with `labelled` a label behind it. The label is what follows the last blank, so paths
 * may have blanks too. Lines end in LF or CRLF. A path may be there more than once: each line is a
 * sample, and the notes say so.
 * @throws UserError that names the line that is wrong.
 */
export function indexList({ root, file, labelled }: ListSpec, data: string): FileIndex {
  const path = resolve(data, file);
  const names: string[] = [];
  const labels: number[] = [];
  const first = new Map<string, number>();
  const repeated: number[] = [];
  for (const [place, line] of linesOf(path).entries()) {
    const where = `${path}, line ${place + 1}`;
    const [name, label] = labelled ? labelledLine(line, where) : [plainLine(line, where), 0];
    const before = first.get(name);
    if (before === undefined) first.set(name, place);
    else {
      refuseOtherLabel(where, name, before, labels[before] ?? 0, label);
      repeated.push(place + 1);
    }
    names.push(name);
    labels.push(label);
  }
  return {
    root: resolve(data, root),
    names,
    ...(labelled ? { labels: Int32Array.from(labels) } : {}),
    notes: notesOf(file, repeated),
  };
}

function linesOf(path: string): readonly string[] {
  const lines = textOf(path)
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/);
  while (lines.at(-1)?.trim() === '') lines.pop();
  if (lines.length > 0) return lines;
  throw new UserError(`${path} has no lines; expected the path of an image on each`);
}

function textOf(path: string): string {
  const bytes = bytesOf(path);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new UserError(`${path} is no UTF-8 text; expected a list of image paths`, { cause });
  }
}

function bytesOf(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw fileError(path, cause);
  }
}

const LABEL = /^(.*\S)\s+(\S+)$/;

function labelledLine(line: string, where: string): readonly [string, number] {
  const [, name, text] = LABEL.exec(line.trim()) ?? [];
  if (name === undefined || text === undefined || isImage(text)) {
    throw new UserError(
      `${where}: "${line}" has no label, expected "PATH LABEL"; add it, or set labelled: false if the list has none`,
    );
  }
  const label = Number(text);
  if (/^\d+$/.test(text) && label <= MAX_LABEL) return [name, label];
  throw new UserError(
    `${where}: label "${text}" is no class number, expected a whole number from 0 on; correct it`,
  );
}

function plainLine(line: string, where: string): string {
  const name = line.trim();
  if (name === '')
    throw new UserError(`${where} is empty, expected the path of an image; remove the line`);
  const [, path, label] = LABEL.exec(name) ?? [];
  if (path !== undefined && /^-?\d+$/.test(label ?? '') && isImage(path) && !isImage(name)) {
    throw new UserError(
      `${where}: "${name}" has a label, expected a path alone; set labelled: true, or take the labels away`,
    );
  }
  return name;
}

function isImage(path: string): boolean {
  return EXTENSIONS.some((extension) => extension === extname(path).toLowerCase());
}

function refuseOtherLabel(
  where: string,
  name: string,
  before: number,
  expected: number,
  found: number,
): void {
  if (expected === found) return;
  throw new UserError(
    `${where}: ${name} has label ${found}, and ${expected} on line ${before + 1}; keep one of them`,
  );
}

function notesOf(file: string, repeated: readonly number[]): string[] {
  const [line] = repeated;
  if (line === undefined) return [];
  const first = `the first is line ${line}`;
  return [`${file}: ${repeated.length} lines name an image once more (${first}); each counts`];
}
