import { UserError } from '../base/errors.ts';
import type { Named } from './label_counts.ts';
import type { Source } from './source.ts';

/** What a source may say of a class of an image. */
export const PRESENT = 1;
export const ABSENT = 0;
/** Too difficult to tell, or not known: neither an example nor a counterexample. */
export const DIFFICULT = -1;

/** How many images have a class, have it not, or cannot be told. */
export interface MarkCounts {
  readonly present: number;
  readonly absent: number;
  readonly difficult: number;
}

/**
 * Images by what is said of each class.
 * @param marks [N, classes]
 * @returns a count for each class, by label
 */
export function countMarks(marks: Int8Array, classes: number): readonly MarkCounts[] {
  return Array.from({ length: classes }, (_, label) => {
    const counts = { present: 0, absent: 0, difficult: 0 };
    for (let at = label; at < marks.length; at += classes)
      counts[marks[at] === PRESENT ? 'present' : marks[at] === ABSENT ? 'absent' : 'difficult']++;
    return counts;
  });
}

/**
 * Classes without any image, or without any image that is surely not of them: nothing can be told apart.
 * @returns a sentence about each sort of them; none where every class has both
 */
export function oneSided({ marks, classes = [] }: Pick<Source, 'marks' | 'classes'>): string[] {
  if (marks === undefined) return [];
  const counts = countMarks(marks, classes.length);
  const without = (sort: 'present' | 'absent') =>
    classes.filter((_, label) => counts[label]?.[sort] === 0);
  const said = (names: readonly string[], what: string) =>
    names.length === 0 ? [] : [`${what} ${names.map((name) => `"${name}"`).join(', ')}`];
  return [
    ...said(without('present'), 'no image has'),
    ...said(without('absent'), 'no image is without'),
  ];
}

/**
 * Refuses a source in which a class has no image, or every image: a classifier of it cannot be fitted or
 * judged. @throws UserError naming the classes.
 */
export function bothSides({ path, source }: Named): void {
  const [first] = oneSided(source);
  if (first === undefined) return;
  throw new UserError(
    `${path}: ${first}, and each class needs images with it and without it; add some, or use a larger split`,
  );
}
