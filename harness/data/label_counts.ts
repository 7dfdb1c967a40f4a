import { UserError } from '../base/errors.ts';
import type { Source } from './source.ts';

/** What is needed of a source to know its classes. */
export type Labelled = Pick<Source, 'labels' | 'marks' | 'classes' | 'describe' | 'where'>;

/** A labelled source, by its place in the experiment: `evaluation.train`. */
export interface Named {
  readonly path: string;
  readonly source: Labelled;
}

/** Samples of each label that occurs, ascending. */
export function countsByLabel(labels: Int32Array): Map<number, number> {
  const counts = new Map<number, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return new Map([...counts].sort(([a], [b]) => a - b));
}

/**
 * Why the labels of a source that names no classes are no class numbers: not every number from 0 to the
 * highest occurs. Undefined where they are, and where the classes are named.
 */
export function numberingFault(source: Labelled): string | undefined {
  const { labels, classes } = source;
  if (labels === undefined || classes !== undefined) return undefined;
  const present = [...countsByLabel(labels).keys()];
  const [lowest = 0] = present;
  const gaps: string[] = [];
  let after: number | undefined; // the label behind the first gap
  let next = 0;
  for (const label of present) {
    if (label > next) gaps.push(label === next + 1 ? `${next}` : `${next} to ${label - 1}`);
    if (label > next) after ??= label;
    next = label + 1;
  }
  if (after === undefined) return undefined;
  const line = placeOf(source, labels.indexOf(after));
  if (gaps.length === 1 && lowest === 1)
    return `labels start at 1 (${line}), expected class numbers from 0 on`;
  const more = gaps.length > SHOWN ? `, … (${gaps.length} gaps)` : '';
  return `no image has label ${gaps.slice(0, SHOWN).join(', ')}${more}, of 0 to ${next - 1} (label ${after} is first at ${line})`;
}

const SHOWN = 8;

/**
 * Names of the classes of a source by label, as many as there are classes. Numbers where it only numbers.
 * @param path of the source in the experiment, e.g. `data.train`
 * @throws UserError where there are no labels, or numbers that cannot be class numbers.
 */
export function classNames(path: string, source: Labelled): readonly string[] {
  const { labels, marks, classes } = source;
  if (marks !== undefined && classes !== undefined) return classes;
  if (labels === undefined) throw new UserError(`${path}: it has no labels`);
  if (classes !== undefined) return classes;
  const fault = numberingFault(source);
  if (fault !== undefined)
    throw new UserError(
      `${path}: ${fault}; number them from 0 without gaps, or say in the source what they mean: ` +
        '"classes": ["NAME", …] by label, or how many there are',
    );
  const count = labels.reduce((most, label) => Math.max(most, label + 1), 0);
  return Array.from({ length: count }, (_, label) => String(label));
}

function placeOf({ describe, where }: Labelled, index: number): string {
  return where?.(index) ?? describe(index);
}
