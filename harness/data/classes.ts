import { UserError } from '../base/errors.ts';
import { areNumbers, comparable } from './class_names.ts';
import { sameFolderLabels } from './folder_labels.ts';
import { classNames, type Named } from './label_counts.ts';

export type { Named };

/**
 * Compares the classes of two sources by name and order. Whatever lets labels of two sources meet in
 * one number goes through here first: an evaluation, a classifier and what it is scored on, a
 * benchmark. Where a source only numbers its classes, the numbers are their names.
 * Where the paths of both name the same folders, the labels of these are compared, too.
 * @returns the names, by label
 * @throws UserError naming the classes that differ, and the two sources; or where the labels of one
 *   cannot be class numbers.
 */
export function sameClasses(reference: Named, judged: Named): readonly string[] {
  sameManner(reference, judged);
  const names = classNames(reference.path, reference.source);
  const [a, b] = [comparable(names), comparable(classNames(judged.path, judged.source))];
  if (a.length === b.length && a.every((name, label) => name === b[label])) {
    sameFolderLabels(reference, judged);
    return names;
  }
  throw new UserError(
    `${judged.path} and ${reference.path} ${difference(reference, judged, a, b)}`,
  );
}

/** One label an image and marks of each class cannot be compared. */
function sameManner({ path: from, source: a }: Named, { path: to, source: b }: Named): void {
  if ((a.marks === undefined) === (b.marks === undefined)) return;
  const [several, one] = a.marks === undefined ? [to, from] : [from, to];
  throw new UserError(
    `${to} and ${from} cannot be compared: ${several} says of each class whether an image has it, ${one} has one label an image; name two sources of the same sort`,
  );
}

function difference(
  { path: from, source: reference }: Named,
  { path: to, source: judged }: Named,
  a: readonly string[],
  b: readonly string[],
): string {
  const unnamed = reference.classes === undefined ? from : judged.classes === undefined ? to : '';
  if (unnamed !== '' && areNumbers(a) !== areNumbers(b)) {
    const names = areNumbers(a) ? b : a;
    return (
      `cannot be compared: ${unnamed} only numbers its classes, the other names them ` +
      `(${shown(names)}); give ${unnamed} the names by label: "classes": [${shown(names, 3)}]`
    );
  }
  const missing = without(a, b);
  const added = without(b, a);
  const parts = [
    ...(missing.length > 0 ? [`missing in ${to}: ${shown(missing)}`] : []),
    ...(added.length > 0 ? [`only in ${to}: ${shown(added)}`] : []),
    ...(missing.length + added.length === 0 ? [otherOrder(from, to, a, b)] : []),
  ];
  return (
    `do not have the same classes (${a.length} and ${b.length} of them): ${parts.join('; ')}; both ` +
    'need the same in the same order: correct one, or give both the same "classes": ["NAME", …]'
  );
}

function otherOrder(from: string, to: string, a: readonly string[], b: readonly string[]): string {
  const label = a.findIndex((name, i) => name !== b[i]);
  return `their order: label ${label} is "${b[label]}" in ${to}, "${a[label]}" in ${from}`;
}

function without(names: readonly string[], others: readonly string[]): string[] {
  const known = new Set(others);
  return names.filter((name) => !known.has(name));
}

function shown(names: readonly string[], most = 8): string {
  const more = names.length > most ? `, … (${names.length})` : '';
  return (
    names
      .slice(0, most)
      .map((name) => `"${name}"`)
      .join(', ') + more
  );
}
