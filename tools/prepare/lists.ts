import { existsSync } from 'node:fs';
import { UserError } from '../../harness/base/index.ts';
import type { Source } from '../../harness/data/source.ts';
import { textLines } from '../../harness/data/sources/text_lines.ts';
import { inOut, type Work, writeOnce } from './work.ts';

/** Lines `PATH LABEL` of a source of files, as the original's lists have them. */
export function labelledLines({ count, files, labels }: Source): readonly string[] {
  return Array.from({ length: count }, (_, index) => {
    const name = files?.name(index) ?? '';
    if (/\s\d+$/.test(name) || name.includes('\n'))
      throw new UserError(`${JSON.stringify(name)} cannot stand in a list; rename the file`);
    return `${name} ${labels?.[index] ?? 0}`;
  });
}

/**
 * Writes the original's two lists of a part: `meta/PART.txt` without labels, `meta/PART_labeled.txt`.
 * @throws UserError where a list is there that says otherwise, and how.
 */
export async function writeLists(work: Work, folder: string, part: string, source: Source) {
  const lines = labelledLines(source);
  const plain = lines.map((line) => line.slice(0, line.lastIndexOf(' ')));
  await writeList(work, inOut(work, folder, 'meta', `${part}.txt`), plain);
  await writeList(work, inOut(work, folder, 'meta', `${part}_labeled.txt`), lines);
}

/** Writes a list, unless it is there already. @throws as `writeLists` */
export async function writeList(work: Work, path: string, lines: readonly string[]): Promise<void> {
  if (existsSync(path)) {
    const there = textLines(path).map((line) => line.trim());
    if (there.join('\n') === lines.join('\n')) {
      work.said.push(`${path} is as it should be`);
      return;
    }
    throw new UserError(
      `${path} is there and ${differently(there, lines)}; move it away to have it made anew`,
    );
  }
  await writeOnce(work, path, `${lines.join('\n')}\n`);
}

/** In what a list that is there is another. */
function differently(there: readonly string[], wanted: readonly string[]): string {
  if (there.length !== wanted.length) return `has ${there.length} lines, expected ${wanted.length}`;
  const own = new Map(wanted.map(split));
  const shifts = new Set(there.map(split).map(([name, label]) => label - (own.get(name) ?? NaN)));
  const [shift] = shifts;
  if (shifts.size === 1 && shift === 0) return 'has the same lines in another order';
  if (shifts.size === 1 && shift !== undefined && !Number.isNaN(shift))
    return `has labels that are those of the folders shifted by ${Math.abs(shift) === 1 ? 'one' : shift}`;
  const line = there.findIndex((text, place) => text !== wanted[place]);
  return `differs, first in line ${line + 1}: ${JSON.stringify(there[line])}, expected ${JSON.stringify(wanted[line])}`;
}

function split(line: string): readonly [string, number] {
  const at = line.lastIndexOf(' ');
  return at < 0 ? [line, 0] : [line.slice(0, at), Number(line.slice(at + 1))];
}
