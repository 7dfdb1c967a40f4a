import { chartSvg } from './chart.ts';

/** What was reached on objects of each range of sizes, by boxes or by masks. */
export interface SizeValues {
  /** E.g. `boxes`. */
  readonly name: string;
  /** Percent of each range; NaN for one without objects. */
  readonly values: readonly number[];
}

/** A range of sizes, and how many objects there are of it. */
export interface SizeRange {
  readonly name: string;
  readonly objects: number;
}

const COLOURS = ['#6baed6', '#fd8d3c'];
const [BAR, HEIGHT] = [46, 220]; // pixels

/** Bars for each range of sizes, those of boxes and of masks side by side. */
export function sizeBarsSvg(
  ranges: readonly SizeRange[],
  series: readonly SizeValues[],
  title: string,
): Promise<string> {
  const values = series.flatMap(({ name, values: own }, of) =>
    ranges.flatMap((_, range) => {
      const value = own[range] ?? Number.NaN;
      return Number.isFinite(value) ? [{ name, of, range, value: Number(value.toFixed(2)) }] : [];
    }),
  );
  const names = ranges.map(({ name, objects }) => [name, `${objects} objects`]);
  const x = {
    field: 'range',
    type: 'ordinal',
    title: null,
    scale: { domain: [...ranges.keys()] },
    axis: { labelExpr: `${JSON.stringify(names)}[datum.value]`, labelAngle: 0, ticks: false },
  };
  const y = { field: 'value', type: 'quantitative', title: null, scale: { domain: [0, 100] } };
  const xOffset = { field: 'of', type: 'ordinal', scale: { domain: [...series.keys()] } };
  const color = {
    field: 'name',
    type: 'nominal',
    title: null,
    scale: { domain: series.map(({ name }) => name), range: COLOURS },
    legend: series.length > 1 ? {} : null,
  };
  const text = { field: 'value', format: '.1f' };
  return chartSvg({
    title: { text: `${title}: AP by size of the object, %`, anchor: 'start' },
    width: ranges.length * (series.length * BAR + 24),
    height: HEIGHT,
    data: { values },
    encoding: { x, y, xOffset },
    layer: [
      { mark: { type: 'bar' }, encoding: { color } },
      {
        mark: { type: 'text', baseline: 'bottom', dy: -3, fontSize: 11, color: '#333' },
        encoding: { text },
      },
    ],
  });
}
