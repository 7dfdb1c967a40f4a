import { chartSvg } from './chart.ts';
import { type Labelled, shortName } from './labelled.ts';

/** A value for each class, e.g. its accuracy. */
export interface ClassValues {
  /** Of what, e.g. `accuracy`. */
  readonly name: string;
  /** Percent by class; NaN for one without images. */
  readonly values: Float64Array;
  /** Images of each class, beside its name; or what `counted` says. */
  readonly counts: ArrayLike<number>;
  /** E.g. `objects`. */
  readonly counted?: string;
}

/** With more classes, only the best and worst have a bar of their own. */
const BARS = 60;
const ENDS = 20;
const WIDTH = 360;

interface Bar {
  readonly c: number;
  readonly value: number;
}

/**
 * A bar for each class, best first, and the mean as a line. For many classes a curve of all, and bars
 * of the best and the worst beside it.
 */
export async function classBarsSvg(
  { name, values, counts, counted = 'images' }: ClassValues,
  set: Pick<Labelled, 'classes'>,
  title: string,
): Promise<string> {
  const known = Array.from(values, (value, c) => ({ c, value })).filter(({ value }) =>
    Number.isFinite(value),
  );
  const sorted = known.sort((a, b) => b.value - a.value || a.c - b.c);
  const mean = sorted.reduce((sum, { value }) => sum + value, 0) / Math.max(1, sorted.length);
  const of = (bar: Bar) => `${shortName(set, bar.c)} (${counts[bar.c] ?? 0})`;
  const without = values.length - sorted.length;
  const missing = without === 0 ? '' : `; ${without} classes without ${counted} are left out`;
  const subtitle = `mean of ${sorted.length} classes ${mean.toFixed(2)} %; in brackets, ${counted}${missing}`;
  const panels =
    sorted.length <= BARS
      ? [bars(sorted, of, mean)]
      : [
          curve(sorted, mean),
          bars(sorted.slice(0, ENDS), of, mean, `best ${ENDS}`),
          bars(sorted.slice(-ENDS), of, mean, `worst ${ENDS}`),
        ];
  return chartSvg({
    title: { text: `${title}: ${name} by class, %`, subtitle, anchor: 'start' },
    hconcat: panels,
  });
}

function bars(
  sorted: readonly Bar[],
  of: (bar: Bar) => string,
  mean: number,
  title?: string,
): object {
  const values = sorted.map((bar, rank) => ({ rank, value: Number(bar.value.toFixed(2)) }));
  const names = sorted.map(of);
  const axis = {
    labelExpr: `${JSON.stringify(names)}[datum.value]`,
    labelLimit: 240,
    labelOverlap: false,
    ticks: false,
    domain: false,
  };
  const y = { field: 'rank', type: 'ordinal', title: null, axis };
  const x = { field: 'value', type: 'quantitative', title: null, scale: { domain: [0, 100] } };
  const data = { data: { values }, encoding: { x, y } };
  const text = { field: 'value', format: '.1f' };
  const label = { type: 'text', align: 'left', dx: 4, fontSize: 10, color: '#333' };
  return {
    ...(title === undefined ? {} : { title: { text: title, fontWeight: 'normal' } }),
    width: WIDTH,
    height: 18 * Math.max(1, sorted.length),
    layer: [
      { ...data, mark: { type: 'bar', color: '#6baed6', height: 13 } },
      line('x', mean),
      { ...data, encoding: { x, y, text }, mark: label },
    ],
  };
}

/** All values, best first. */
function curve(sorted: readonly Bar[], mean: number): object {
  const values = sorted.map(({ value }, rank) => ({ rank, value: Number(value.toFixed(2)) }));
  return {
    title: { text: `all ${sorted.length} classes, best first`, fontWeight: 'normal' },
    width: WIDTH,
    height: 18 * ENDS,
    layer: [
      {
        data: { values },
        mark: { type: 'area', color: '#9ecae1', interpolate: 'step-after' },
        encoding: {
          x: { field: 'rank', type: 'quantitative', title: null, axis: { tickMinStep: 1 } },
          y: { field: 'value', type: 'quantitative', title: null, scale: { domain: [0, 100] } },
        },
      },
      line('y', mean),
    ],
  };
}

/** Where the mean lies. */
function line(axis: 'x' | 'y', mean: number): object {
  return {
    data: { values: [{}] },
    mark: { type: 'rule', color: '#a63603', strokeDash: [4, 3] },
    encoding: { [axis]: { datum: Number(mean.toFixed(2)), type: 'quantitative' } },
  };
}
