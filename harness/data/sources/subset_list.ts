import { basename } from 'node:path';
import { BREATH, breath } from '../../base/breath.ts';
import type { Source } from '../source.ts';
import { type LineError, lineError, quoted } from './list_line.ts';
import { textLines } from './text_lines.ts';

/** A line of the list. */
interface Line {
  readonly place: number;
  /** As it is written, with / alone. */
  readonly name: string;
  readonly label: number | undefined;
}

/**
 * The samples that a list names, in its order: a name of a file a line, as in SimCLR's `1percent.txt`
 * (`n01440764_10026.JPEG`), with folders in front or not, with a label behind it or not (as
 * `convert_subset.py` writes it: docs/reference/benchmarks.md, section 8).
 * @param path of the list
 * @throws UserError with file and line for a name that no sample has, or several, or that is there
 *   twice, and for a label that is not the sample's.
 */
export async function pickListed(
  path: string,
  source: Source,
  signal: AbortSignal | undefined,
): Promise<Int32Array> {
  const lines = textLines(path).map((text, place) => lineOf(path, text, place));
  const byName = new Map<string, Line[]>();
  for (const line of lines) {
    const key = basename(line.name);
    byName.set(key, [...(byName.get(key) ?? []), line]);
  }
  const picked = new Int32Array(lines.length).fill(-1);
  for (let index = 0; index < source.count; index++) {
    if (index % BREATH === 0) await breath(signal);
    const found = source.describe(index);
    for (const { name, place } of byName.get(basename(found)) ?? []) {
      if (found !== name && !found.endsWith(`/${name}`)) continue;
      const before = picked[place] ?? -1;
      if (before >= 0)
        throw lineError(
          path,
          place + 1,
        )(`: ${quoted(name)} is ${source.describe(before)} and ${found}; write the folder, too`);
      picked[place] = index;
    }
  }
  for (const line of lines) check(path, line, picked, source);
  refuseTwice(path, lines, picked);
  return picked;
}

function lineOf(path: string, text: string, place: number): Line {
  const fail = lineError(path, place + 1);
  const [, written, label] = /^(\S.*?\.\w{2,5})\s+(\d{1,9})$/.exec(bounded(text, fail)) ?? [];
  const name = (written ?? text.trim()).replace(/^(\.\/)+/, '');
  if (name === '' || name.endsWith('/'))
    throw fail(`: ${quoted(text)}, expected the name of an image; remove the line`);
  return { place, name, label: label === undefined ? undefined : Number(label) };
}

function bounded(text: string, fail: LineError): string {
  const line = text.trim();
  if (line.length <= 4096) return line;
  throw fail(` has ${line.length} letters, more than a path can have; is it a list of names?`);
}

function check(path: string, line: Line, picked: Int32Array, source: Source): void {
  const fail = lineError(path, line.place + 1);
  const index = picked[line.place] ?? -1;
  if (index < 0)
    throw fail(
      `: ${quoted(line.name)} is no image of the source; name the source that the list was made of`,
    );
  const label = source.labels?.[index];
  if (line.label !== undefined && label !== undefined && line.label !== label)
    throw fail(
      `: ${quoted(line.name)} has label ${line.label}, and ${label} in the source; the classes are in another order or numbered from 1: correct it, or take the labels away`,
    );
}

function refuseTwice(path: string, lines: readonly Line[], picked: Int32Array): void {
  const seen = new Map<number, number>();
  for (const { place, name } of lines) {
    const before = seen.get(picked[place] ?? -1);
    if (before !== undefined)
      throw lineError(
        path,
        place + 1,
      )(`: ${quoted(name)} is also on line ${before + 1}; each image is there once, so remove one`);
    seen.set(picked[place] ?? -1, place);
  }
}
