import { resolve } from 'node:path';
import { BREATH, breath } from '../../base/breath.ts';
import { areNumbers, comparable, declaredClasses, labelsByName } from '../class_names.ts';
import type { SourceSpec } from '../spec.ts';
import type { FileIndex, IndexOptions } from './file_index.ts';
import {
  type LineError,
  type ListLine,
  labelledLine,
  lineError,
  plainLine,
  quoted,
} from './list_line.ts';
import { ListNames } from './list_names.ts';
import { textLines } from './text_lines.ts';

export type ListSpec = Extract<SourceSpec, { kind: 'list' }>;

const MAX_LABEL = 2 ** 31 - 1;

/**
 * The original's list files (docs/reference/harness.md, section 7): a path a line, relative to
 * `root` or absolute, and with `labelled` a label behind it: a class number, or a name of those that
 * the spec gives. `list_line.ts` has how a line is taken apart. A path may be there more than once:
 * each line is a sample, and the notes say so.
 * @throws UserError that names the line that is wrong.
 */
export async function indexList(
  spec: ListSpec,
  { data, signal }: IndexOptions,
): Promise<FileIndex> {
  const path = resolve(data, spec.file);
  const root = resolve(data, spec.root);
  const classes = declaredClasses(spec.classes, data);
  const labelOf = labelReader(path, classes);
  const found = new ListNames(root);
  const names: string[] = [];
  const labels: number[] = [];
  const first = new Map<string, number>();
  const repeated: number[] = [];
  for (const [place, text] of textLines(path).entries()) {
    if (place % (16 * BREATH) === 0) await breath(signal);
    const fail = lineError(path, place + 1);
    const line: ListLine = spec.labelled ? labelledLine(text, fail) : plainLine(text, fail);
    const label = line.label === undefined ? 0 : labelOf(line.label, fail);
    const named = found.find(line.name, fail);
    const name = typeof named === 'string' ? named : await named;
    const before = first.get(name);
    if (before === undefined) first.set(name, place);
    else {
      refuseOtherLabel(fail, name, before, labels[before] ?? 0, label);
      repeated.push(place + 1);
    }
    names.push(name);
    labels.push(label);
  }
  return {
    root,
    names,
    ...(spec.labelled ? { labels: Int32Array.from(labels) } : {}),
    ...(spec.labelled && classes !== undefined ? { classes } : {}),
    notes: notesOf(spec.file, repeated),
    where: (place) => `${path}, line ${place + 1}`,
  };
}

/** Reads labels: numbers from 0, or with `classes` the names, which may be numbers too. */
function labelReader(path: string, classes: readonly string[] | undefined) {
  const byName = classes === undefined ? undefined : labelsByName(classes, `classes of ${path}`);
  const count = classes?.length ?? MAX_LABEL + 1;
  const numbered = classes === undefined || !areNumbers(classes);
  return (text: string, fail: LineError): number => {
    const named = byName?.get(comparable([text])[0] ?? '');
    if (named !== undefined) return named;
    const label = Number(text);
    if (numbered && /^\d+$/.test(text) && label < count) return label;
    if (classes === undefined)
      throw fail(
        `: label ${quoted(text)} is no class number, expected a whole number from 0 to ${MAX_LABEL}; correct it, or name the classes in the source`,
      );
    const from1 =
      text === String(classes.length) && numbered
        ? '; labels count from 0: take 1 from each, if the list counts from 1'
        : '; correct it, or name it too';
    throw fail(
      `: label ${quoted(text)} is none of the ${classes.length} classes that the source names${from1}`,
    );
  };
}

function refuseOtherLabel(
  fail: LineError,
  name: string,
  before: number,
  expected: number,
  found: number,
): void {
  if (expected === found) return;
  throw fail(
    `: ${name} has label ${found}, and ${expected} on line ${before + 1}; keep one of them`,
  );
}

function notesOf(file: string, repeated: readonly number[]): string[] {
  const [line] = repeated;
  if (line === undefined) return [];
  const first = `the first is line ${line}`;
  return [`${file}: ${repeated.length} lines name an image once more (${first}); each counts`];
}
