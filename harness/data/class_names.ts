import { resolve } from 'node:path';
import { UserError } from '../base/errors.ts';
import { textLines } from './sources/text_lines.ts';
import type { ClassesSpec } from './spec.ts';

/** Whether every name is a number, as in folders 0, 1, … or 00, 01, …. */
export function areNumbers(names: readonly string[]): boolean {
  return names.every((name) => /^\d+$/.test(name));
}

/**
 * Names as they are compared: letters with marks in one form (macOS takes them apart), and where all
 * are numbers, without zeros in front.
 */
export function comparable(names: readonly string[]): string[] {
  return areNumbers(names)
    ? names.map((name) => name.replace(/^0+(?=\d)/, ''))
    : names.map((name) => name.normalize('NFC'));
}

/**
 * Names in the order of labels: numbers by their value, others by UTF-16 code units, which is
 * Python's `sorted` for all but rare letters.
 * @param what they are of, for messages
 * @throws UserError where two of them would be one class.
 */
export function inLabelOrder(names: readonly string[], what: string): string[] {
  const numbers = areNumbers(names);
  const pairs = comparable(names).map((key, i) => ({ key, name: names[i] ?? '' }));
  refuseTwins(pairs, what);
  const before = (a: string, b: string) => (a < b ? -1 : 1);
  pairs.sort(({ key: a }, { key: b }) =>
    numbers && a.length !== b.length ? a.length - b.length : before(a, b),
  );
  return pairs.map(({ name }) => name);
}

/**
 * Labels by name, as `comparable` has it.
 * @throws UserError where two names would be one class, or where some are numbers: these would be
 *   read as labels.
 */
export function labelsByName(names: readonly string[], what: string): ReadonlyMap<string, number> {
  const pairs = comparable(names).map((key, i) => ({ key, name: names[i] ?? '' }));
  refuseTwins(pairs, what);
  const number = names.find((name) => areNumbers([name]));
  if (number !== undefined && !areNumbers(names))
    throw new UserError(
      `${what}: the name "${number}" is a number and others are not, so that a label ${number} has two meanings; use another name`,
    );
  return new Map(pairs.map(({ key }, label) => [key, label] as const));
}

function refuseTwins(
  pairs: readonly { readonly key: string; readonly name: string }[],
  what: string,
) {
  const seen = new Map<string, string>();
  for (const { key, name } of pairs) {
    const twin = seen.get(key);
    if (twin !== undefined)
      throw new UserError(
        twin === name
          ? `${what}: the class "${name}" is there twice; take one away`
          : `${what}: "${twin}" and "${name}" are one class by their names; rename or merge them`,
      );
    seen.set(key, name);
  }
}

// More than anybody has: a mistyped number should not fill the memory.
const MOST_CLASSES = 10_000_000;

/**
 * The names that a source spec gives, by label; undefined where it gives none.
 * @throws UserError for a file of names that cannot be read.
 */
export function declaredClasses(
  classes: ClassesSpec | undefined,
  data: string,
): readonly string[] | undefined {
  if (classes === undefined) return undefined;
  if (typeof classes === 'number') {
    if (classes <= MOST_CLASSES) return Array.from({ length: classes }, (_, i) => String(i));
    throw new UserError(`classes: found ${classes}, expected at most ${MOST_CLASSES}`);
  }
  if (typeof classes !== 'string') return classes;
  const path = resolve(data, classes);
  const names = textLines(path).map((line) => line.trim());
  const empty = names.indexOf('');
  if (empty >= 0)
    throw new UserError(`${path}, line ${empty + 1} is empty, expected a class's name; remove it`);
  return names;
}
