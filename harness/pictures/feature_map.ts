import { chartSvg } from './chart.ts';
import { classesOf, type Labelled, presentIn, shortName } from './labelled.ts';
import type { Plane } from './plane.ts';

/** Where some images of a set lie. */
export interface FeatureMap {
  /** Places in the set, in the order of the points. */
  readonly indices: Int32Array;
  readonly plane: Plane;
  /** float64 [N, 2]; absent for too few images. */
  readonly neighbours: Float64Array | undefined;
}

// Tableau's, in the order of vega's schemes.
const STRONG =
  '#1f77b4 #ff7f0e #2ca02c #d62728 #9467bd #8c564b #e377c2 #17becf #bcbd22 #111111'.split(' ');
const PALE =
  '#aec7e8 #ffbb78 #98df8a #ff9896 #c5b0d5 #c49c94 #f7b6d2 #9edae5 #dbdb8d #7f7f7f'.split(' ');
const GREY = '#d0d0d0';
/** Colours that are told apart; more classes share grey. */
const COLOURS = STRONG.length + PALE.length;
const SIDE = 400; // pixels
const MARGIN = 10;
const OTHER = -1;
const SEVERAL = -2;
const GREYS: Readonly<Record<number, string>> = {
  [OTHER]: 'other classes',
  [SEVERAL]: 'several classes',
};

/**
 * Images as points: left along the two directions of largest variance, right by their neighbours. Where
 * there are more than 20 classes, 20 of them at even distances have a colour and the rest are grey;
 * images of several classes are grey as well.
 */
export async function featureMapSvg(
  map: FeatureMap,
  set: Labelled,
  title: string,
): Promise<string> {
  const { plane, neighbours, indices } = map;
  const shown = colouredClasses(classesOf(set));
  const groups = Array.from(indices, (index) => groupOf(set, index, shown));
  const grey = [SEVERAL, OTHER].filter((group) => groups.includes(group));
  const range = [...palette(shown.length), ...grey.map(() => GREY)];
  const names = [...shown.map((c) => shortName(set, c)), ...grey.map((group) => GREYS[group])];
  const domain = [...shown.keys(), ...grey];
  const labelExpr = `${JSON.stringify(names)}[indexof(${JSON.stringify(domain)}, datum.value)]`;
  const color = {
    field: 'group',
    type: 'nominal',
    title: null,
    scale: { domain, range },
    legend: { labelExpr },
  };
  const percent = plane.shares.map((share) => `${(100 * share).toFixed(1)} %`).join(' and ');
  const panels = [
    panel(`principal components: ${percent} of the variance`, plane.points, groups, color),
    ...(neighbours === undefined ? [] : [panel('UMAP', neighbours, groups, color)]),
  ];
  const heading = `${title}: features of ${indices.length} of ${set.count} images`;
  return chartSvg({ title: { text: heading, anchor: 'start' }, hconcat: panels });
}

/** At most 20 classes, from the first at even distances. */
export function colouredClasses(classes: number): readonly number[] {
  const shown = Math.min(classes, COLOURS);
  return Array.from({ length: shown }, (_, i) => Math.floor((i * classes) / shown));
}

/** The place of its class among the coloured ones, or one of the greys. */
function groupOf(set: Labelled, index: number, shown: readonly number[]): number {
  const present = presentIn(set, index);
  const [first] = present;
  if (present.length > 1) return SEVERAL;
  const place = first === undefined ? -1 : shown.indexOf(first);
  return place < 0 ? OTHER : place;
}

/** Grey points first, so that they hide no other. */
function panel(
  title: string,
  points: Float64Array,
  groups: readonly number[],
  color: object,
): object {
  const rows = squared(points).map((point, i) => ({ ...point, group: groups[i] ?? OTHER }));
  const isGrey = ({ group }: { group: number }) => group < 0;
  const values = [...rows.filter(isGrey), ...rows.filter((row) => !isGrey(row))];
  const scale = { domain: [0, SIDE], nice: false };
  const at = (field: string) => ({ field, type: 'quantitative', scale, axis: null });
  return {
    title: { text: title, fontWeight: 'normal' },
    width: SIDE,
    height: SIDE,
    view: { stroke: '#ddd' },
    data: { values },
    mark: { type: 'circle', size: groups.length > 500 ? 10 : 28, opacity: 0.8, aria: false },
    encoding: { x: at('x'), y: at('y'), color },
  };
}

/** Points in pixels to a tenth, both axes on one scale, in the middle of a square with a margin. */
function squared(points: Float64Array): { x: number; y: number }[] {
  const axis = (of: number) => points.filter((_, at) => at % 2 === of);
  const [xs, ys] = [axis(0), axis(1)];
  const ends = [xs, ys].map((own) => ({
    low: own.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
    high: own.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
  }));
  const widest = Math.max(...ends.map(({ low, high }) => high - low));
  const scale = widest > 0 ? (SIDE - 2 * MARGIN) / widest : 0;
  const pixel = (value: number, of: number) => {
    const { low = 0, high = 0 } = ends[of] ?? {};
    return Number((SIDE / 2 + (value - (low + high) / 2) * scale).toFixed(1));
  };
  return Array.from(xs, (x, i) => ({ x: pixel(x, 0), y: pixel(ys[i] ?? 0, 1) }));
}

/** Few classes get the strong colours, more also the pale ones. */
function palette(count: number): readonly string[] {
  return count <= STRONG.length ? STRONG.slice(0, count) : [...STRONG, ...PALE].slice(0, count);
}
