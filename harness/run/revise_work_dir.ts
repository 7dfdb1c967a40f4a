import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { readFolder, readText, writeAtomic } from '../base/index.ts';
import { csvLine } from '../log/csv.ts';
import { wholeLines } from '../log/step_file.ts';
import { inPercent, isFormer } from '../record/former.ts';
import { readRecord, writeRecord } from '../record/record.ts';

const SUFFIX = '.revised';
const NAMES = /^(steps\.csv|\d{8}_\d{6}\.log\.json)$/;

/**
 * Brings the files of a work directory in the former format to today's before a run goes on in it, so that
 * no file has a column in two units. The record is what says which format a folder has: new files are
 * written beside the old ones, then the record, then they take their places. A crash in between leaves
 * what the next call completes. Events of TensorBoard and the text log stay as they are.
 * @returns whether something was brought over
 */
export async function reviseWorkDir(folder: string): Promise<boolean> {
  const former = isFormer(folder);
  if (former) {
    for (const name of readFolder(folder).filter((one) => NAMES.test(one))) {
      const path = join(folder, name);
      const text = readText(path);
      await writeAtomic(path + SUFFIX, name === 'steps.csv' ? stepsOf(text) : linesOf(text));
    }
    await writeRecord(folder, readRecord(folder));
  }
  for (const name of readFolder(folder).filter((one) => one.endsWith(SUFFIX)))
    renameSync(join(folder, name), join(folder, name.slice(0, -SUFFIX.length)));
  return former;
}

/** `steps.csv` in today's units; the text itself where no column has another one. */
function stepsOf(text: string): string {
  const [header = '', ...lines] = wholeLines(text);
  const columns = header.trim().split(',');
  const revised = lines.map((line) => {
    const cells = line.trim().split(',');
    return csvLine(cells.map((cell, i) => revisedCell(columns[i] ?? '', cell)));
  });
  return [header, ...revised].join('');
}

// Cells of other columns stay text, so that not a digit of theirs is written anew.
function revisedCell(column: string, cell: string): string | number {
  const value = Number(cell);
  const now = inPercent(column, value);
  return Object.is(now, value) ? cell : now;
}

function linesOf(text: string): string {
  return wholeLines(text)
    .map((line) => {
      const entry: unknown = JSON.parse(line);
      const fields = Object.entries(Object(entry)).map(([name, value]) => [
        name,
        typeof value === 'number' ? inPercent(name, value) : value,
      ]);
      return `${JSON.stringify(Object.fromEntries(fields))}\n`;
    })
    .join('');
}

/** The steps of another folder's run as they go along with its checkpoint; undefined where it has none. */
export function stepsIn(folder: string): string | undefined {
  const path = join(folder, 'steps.csv');
  if (!existsSync(path)) return undefined;
  const text = readText(path);
  return isFormer(folder) ? stepsOf(text) : text;
}
