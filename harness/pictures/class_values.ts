import type { ClassValues } from './class_bars.ts';
import { type Confusion, classAccuracies } from './confusion.ts';

/** Each class's accuracy, with how many images it has. */
export function accuracyBars(confusion: Confusion): ClassValues {
  const { classes, counts } = confusion;
  return {
    name: 'accuracy',
    values: classAccuracies(confusion),
    counts: Array.from({ length: classes }, (_, c) =>
      counts.subarray(c * classes, (c + 1) * classes).reduce((sum, n) => sum + n, 0),
    ),
  };
}
