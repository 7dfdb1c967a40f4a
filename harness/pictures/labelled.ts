/** Images as pictures need them; a `BenchSet` is one. */
export interface Labelled {
  readonly count: number;
  /** int32 [N]; absent where an image can have several classes. */
  readonly labels: Int32Array | undefined;
  /** int8 [N, C] of such: 1 present, 0 absent, -1 difficult. */
  readonly marks: Int8Array | undefined;
  readonly classes: readonly string[];
}

/** How many classes its labels speak of; at least those that are named. */
export function classesOf({ labels, marks, classes, count }: Labelled): number {
  if (marks !== undefined) return count === 0 ? classes.length : marks.length / count;
  let most = classes.length;
  for (const label of labels ?? []) if (label >= most) most = label + 1;
  return most;
}

/** The name of a class; its number where it has none. */
export function className({ classes }: Pick<Labelled, 'classes'>, c: number): string {
  return classes[c] ?? String(c);
}

const LONGEST = 26; // letters

/** A name for a chart: of synonyms between commas the first, and of a long one the beginning. */
export function shortName(set: Pick<Labelled, 'classes'>, c: number): string {
  const [first = ''] = className(set, c).split(', ');
  const letters = [...first];
  return letters.length <= LONGEST ? first : `${letters.slice(0, LONGEST - 1).join('')}…`;
}

/** Classes that an image shows, in ascending order. */
export function presentIn(set: Labelled, index: number): readonly number[] {
  const { labels, marks } = set;
  if (marks === undefined) {
    const label = labels?.[index];
    return label === undefined ? [] : [label];
  }
  const width = classesOf(set);
  const row = marks.subarray(index * width, (index + 1) * width);
  return [...row.entries()].flatMap(([c, mark]) => (mark === 1 ? [c] : []));
}
