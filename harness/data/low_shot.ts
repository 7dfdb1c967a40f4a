import { UserError } from '../base/errors.ts';
import { stream } from '../random/stream.ts';
import { ABSENT, DIFFICULT, PRESENT } from './marks.ts';

/** The protocol's samples, positives of a class, and negatives for each positive. */
export const LOW_SHOT = { samples: 5, ks: [1, 2, 4, 8, 16, 32, 64, 96], negatives: 19 } as const;

/** Images whose classes are marked. */
interface Marked {
  /** int8 [N, classes]. */
  readonly marks: Int8Array;
  readonly classes: readonly string[];
}

/** Which draw it is. */
export interface LowShotDraw {
  /** Positives of each class. */
  readonly k: number;
  /** Number of the sample, from 1. */
  readonly sample: number;
  readonly seed: number;
  /** Counterexamples for each positive; the protocol's 19 by default. */
  readonly negatives?: number;
}

/**
 * Labels of the low-shot protocol (docs/reference/benchmarks.md, section 3): of each class by itself k
 * images that have it and 19 k that have it not, drawn without regard to other classes; all else is -1.
 * Departs: the draw has a seed, so every installation has the same samples.
 * @returns int8 [N, classes]
 * @throws UserError where a class has too few images.
 */
export function lowShotMarks({ marks, classes }: Marked, draw: LowShotDraw): Int8Array {
  const { k, sample, seed, negatives = LOW_SHOT.negatives } = draw;
  const few = tooFew({ marks, classes }, k, negatives);
  if (few !== undefined) throw new UserError(`low-shot labels: ${few}`);
  const drawn = new Int8Array(marks.length).fill(DIFFICULT);
  for (const label of classes.keys())
    for (const [mark, count] of [
      [PRESENT, k],
      [ABSENT, negatives * k],
    ] as const) {
      const members = membersOf(marks, classes.length, label, mark);
      const draws = stream(seed, 'low shot', sample, k, label, mark);
      for (const place of draws.permutation(members.length).subarray(0, count))
        drawn[(members[place] ?? 0) * classes.length + label] = mark;
    }
  return drawn;
}

/** Why k positives of each class cannot be drawn; undefined where they can. */
export function tooFew(
  { marks, classes }: Marked,
  k: number,
  negatives: number = LOW_SHOT.negatives,
): string | undefined {
  for (const [label, name] of classes.entries()) {
    const present = membersOf(marks, classes.length, label, PRESENT).length;
    const absent = membersOf(marks, classes.length, label, ABSENT).length;
    if (present < k) return `k ${k}: ${present} images have "${name}", expected at least ${k}`;
    const needed = negatives * k;
    if (absent < needed)
      return `k ${k}: ${absent} images are without "${name}", expected at least ${needed}`;
  }
  return undefined;
}

/** Images with a mark of a class, ascending. */
function membersOf(marks: Int8Array, classes: number, label: number, mark: number): number[] {
  const members: number[] = [];
  for (let at = label; at < marks.length; at += classes)
    if (marks[at] === mark) members.push((at - label) / classes);
  return members;
}
