import { DIFFICULT, PRESENT } from '../data/marks.ts';
import { areaAp } from '../metrics/average_precision.ts';
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

/**
 * Each class's average precision, area under the curve (docs/reference/benchmarks.md, section 2.4), with
 * how many images show it; images marked difficult are left out.
 * @param marks int8 [N, C]
 * @param scores float32 [N, C]
 */
export function precisionBars(marks: Int8Array, scores: Float32Array, count: number): ClassValues {
  const classes = count === 0 ? 0 : marks.length / count;
  const counts = new Int32Array(classes);
  const values = Float64Array.from({ length: classes }, (_, c) => {
    const places = Array.from({ length: count }, (_one, i) => i * classes + c);
    const told = places.filter((at) => marks[at] !== DIFFICULT);
    const targets = told.map((at) => marks[at] ?? 0);
    counts[c] = targets.filter((mark) => mark === PRESENT).length;
    return (
      100 *
      areaAp(
        told.map((at) => scores[at] ?? 0),
        targets,
      )
    );
  });
  return { name: 'average precision', values, counts };
}
