import {
  CURVES,
  type CurveName,
  meanCurve,
  meanPrecision,
  type PointStep,
  type PrecisionCurves,
} from '../metrics/precision_curves.ts';
import { chartSvg } from './chart.ts';
import { type Labelled, shortName } from './labelled.ts';

/** With more classes, only the best and the worst have a panel. */
const PANELS = 100;
const ENDS = 20;
const [LARGE, SMALL] = [300, 120]; // pixels of a side
const COLUMNS = 6;
const COLOURS: Readonly<Record<CurveName, string>> = {
  '0.50': '#6baed6',
  '0.75': '#a63603',
  mean: '#08306b',
};
const NAMES: Readonly<Record<CurveName, string>> = {
  '0.50': 'IoU 0.50',
  '0.75': 'IoU 0.75',
  mean: 'mean of ten',
};

interface Panel {
  readonly title: string;
  readonly curves: Readonly<Record<CurveName, Float64Array | undefined>>;
  readonly large: boolean;
  readonly step: PointStep;
}

/**
 * Precision over recall: the mean of all classes, and a small panel for each class, best first by the
 * mean over thresholds of IoU; of many classes the best and the worst. With each go, in percent, the
 * average precisions of its three curves.
 */
export async function precisionCurvesSvg(
  curves: PrecisionCurves,
  set: Pick<Labelled, 'classes'>,
  { title, step }: { readonly title: string; readonly step: PointStep },
): Promise<string> {
  const known = curves.mean.flatMap((own, c) =>
    own === undefined ? [] : [{ ap: meanPrecision(own, step), c }],
  );
  known.sort((a, b) => b.ap - a.ap || a.c - b.c);
  const panels = known.map(
    ({ c }): Panel => ({
      title: shortName(set, c),
      curves: { '0.50': curves['0.50'][c], '0.75': curves['0.75'][c], mean: curves.mean[c] },
      large: false,
      step,
    }),
  );
  const all: Panel = {
    title: panels.length === 1 ? (panels[0]?.title ?? '') : `mean of ${panels.length} classes`,
    curves: {
      '0.50': meanCurve(curves['0.50']),
      '0.75': meanCurve(curves['0.75']),
      mean: meanCurve(curves.mean),
    },
    large: true,
    step,
  };
  const groups =
    panels.length <= PANELS
      ? [grid(panels, 'each class, best first')]
      : [
          grid(panels.slice(0, ENDS), `the best ${ENDS} classes`),
          grid(panels.slice(-ENDS), `the worst ${ENDS} classes`),
        ];
  const numbers = CURVES.map((name) => NAMES[name]).join(' / ');
  return chartSvg({
    title: {
      text: `${title}: precision over recall`,
      subtitle: `the best precision at a recall or a higher one; numbers: average precision in %, ${numbers}`,
      anchor: 'start',
    },
    vconcat: [chart(all), ...(panels.length < 2 ? [] : groups)],
    resolve: { legend: { color: 'independent' } },
  });
}

function grid(panels: readonly Panel[], title: string): object {
  return {
    title: { text: title, fontWeight: 'normal', anchor: 'start' },
    columns: COLUMNS,
    spacing: 14,
    concat: panels.map(chart),
    resolve: { legend: { color: 'independent' } },
  };
}

function chart({ title, curves, large, step }: Panel): object {
  const numbers = CURVES.map((name) => {
    const own = curves[name];
    return own === undefined ? '–' : (100 * meanPrecision(own, step)).toFixed(0);
  }).join(' / ');
  const values = CURVES.flatMap((name) =>
    corners(curves[name]).map(([recall, precision]) => ({ name, recall, precision })),
  );
  return {
    title: large
      ? { text: `${title}: ${numbers}`, fontWeight: 'normal' }
      : { text: title, subtitle: numbers, ...SMALL_TITLE },
    width: large ? LARGE : SMALL,
    height: large ? LARGE : SMALL,
    view: { stroke: '#ddd' },
    data: { values },
    mark: { type: 'line', strokeWidth: large ? 2 : 1.5, aria: false },
    encoding: {
      x: axisOf('recall', large),
      y: axisOf('precision', large),
      color: colour(large),
    },
  };
}

const SMALL_TITLE = { fontSize: 11, fontWeight: 'normal', subtitleFontSize: 10, offset: 4 };

function axisOf(field: string, large: boolean): object {
  const axis = large
    ? { values: [0, 0.2, 0.4, 0.6, 0.8, 1], format: '.1f', title: field }
    : { values: [0, 1], format: '.0f', title: null, grid: false, ticks: false };
  return {
    field,
    type: 'quantitative',
    scale: { domain: [0, 1] },
    axis: { ...axis, domain: false, aria: false },
  };
}

function colour(large: boolean): object {
  const names = JSON.stringify(CURVES.map((name) => NAMES[name]));
  const legend = {
    labelExpr: `${names}[indexof(${JSON.stringify(CURVES)}, datum.value)]`,
    orient: 'right',
    symbolStrokeWidth: 3,
    aria: false,
  };
  return {
    field: 'name',
    type: 'nominal',
    title: null,
    scale: { domain: CURVES, range: CURVES.map((name) => COLOURS[name]) },
    legend: large ? legend : null,
  };
}

/** The points of a curve between which it is level are left out. */
function corners(curve: Float64Array | undefined): [number, number][] {
  if (curve === undefined) return [];
  const last = curve.length - 1;
  const points = Array.from(curve, (value, r): [number, number] => [
    Number((r / last).toFixed(2)),
    Number(value.toFixed(3)),
  ]);
  return points.filter(
    ([, value], r) => value !== points[r - 1]?.[1] || value !== points[r + 1]?.[1],
  );
}
