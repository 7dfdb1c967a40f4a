import { chartSvg } from '../harness/pictures/chart.ts';
import { metricsOf } from '../harness/record/entries.ts';
import {
  type BenchmarkGroup,
  benchmarkGroups,
  describedBenchmark,
  imagesText,
  mainResult,
  recipeText,
  weightsKey,
} from './benchmark_rows.ts';
import { TITLES } from './benchmark_section.ts';
import { type Block, markdownOf } from './blocks.ts';
import type { Entry } from './entries.ts';

/** Fewest weights that make a comparison. */
const FEWEST = 3;

/** Benchmarks on one data set, of several weights. */
export interface Bench {
  /** As the names of the experiments end, e.g. `cifar10`. */
  readonly data: string;
  readonly groups: readonly BenchmarkGroup[];
}

/** Data sets on which at least three weights were judged by one protocol, in order of name. */
export function benchesOf(entries: readonly Entry[]): Bench[] {
  const groups = benchmarkGroups(entries, Object.keys(TITLES));
  const of = (data: string) => groups.filter(({ name }) => dataOf(name) === data);
  const all = [...new Set(groups.map(({ name }) => dataOf(name)))].sort();
  return all
    .map((data) => ({ data, groups: of(data) }))
    .filter(({ groups: own }) => own.some((group) => group.entries.length >= FEWEST));
}

function dataOf(name: string): string {
  return name.split('-').at(-1) ?? name;
}

interface Cell {
  readonly weights: string;
  readonly protocol: string;
  readonly value: number;
}

/** Names of protocols in the table: the experiment's, numbered where two have one. */
function columnsOf({ data, groups }: Bench): ReadonlyMap<BenchmarkGroup, string> {
  const seen = new Map<string, number>();
  return new Map(
    groups.map((group) => {
      const name = group.name.slice(0, -data.length - 1);
      const count = (seen.get(name) ?? 0) + 1;
      seen.set(name, count);
      return [group, count === 1 ? name : `${name} (${count})`] as const;
    }),
  );
}

function cellsOf(bench: Bench): Cell[] {
  return [...columnsOf(bench)].flatMap(([{ entries }, protocol]) =>
    entries.flatMap((entry) => {
      const value = mainResult(entry);
      return value === undefined ? [] : [{ weights: weightsKey(entry.record), protocol, value }];
    }),
  );
}

/** Weights by their mean over protocols that judged most of them, best first. */
function orderOf(cells: readonly Cell[]): string[] {
  const names = [...new Set(cells.map(({ weights }) => weights))].sort();
  const shared = [...new Set(cells.map(({ protocol }) => protocol))].filter((protocol) =>
    names.every((name) => cells.some((c) => c.protocol === protocol && c.weights === name)),
  );
  const mean = (name: string) => {
    const own = cells.filter((c) => c.weights === name && shared.includes(c.protocol));
    return own.reduce((sum, { value }) => sum + value, 0) / Math.max(1, own.length);
  };
  return names.sort((a, b) => mean(b) - mean(a) || (a < b ? -1 : 1));
}

/** The comparison as one markdown page. @param pictures beside the page */
export function benchPage(bench: Bench, pictures: readonly BenchPicture[]): string {
  const cells = cellsOf(bench);
  const columns = columnsOf(bench);
  const protocols = [...columns.values()];
  const rows = orderOf(cells).map((weights) => [
    weights,
    ...protocols.map(
      (protocol) =>
        cells.find((c) => c.weights === weights && c.protocol === protocol)?.value.toFixed(2) ??
        '–',
    ),
  ]);
  const blocks: Block[] = [
    {
      kind: 'text',
      text: 'Generated from the records in `reports/records` by `npx zx scripts/report.mjs`; not edited by hand. Frozen or fine-tuned, all weights of a column were judged by the same numbers on the same images; percent. Weights are named by the run that they are of, and their order is that of the mean of the columns that all of them have. Every single result, with its record, is in [the zoo](MODEL_ZOO.md#benchmarks).',
    },
    {
      kind: 'table',
      head: ['weights', ...protocols],
      rows,
      right: protocols.map((_, i) => i + 1),
    },
    ...pictures.map(({ file, title }): Block => ({ kind: 'picture', file, title })),
    { kind: 'heading', level: 2, text: 'What was chosen' },
    { kind: 'table', head: ['column', 'protocol', 'images', 'numbers'], rows: chosen(columns) },
  ];
  return `# Benchmarks on ${bench.data}\n\n${markdownOf(blocks).join('\n')}`;
}

function chosen(columns: ReadonlyMap<BenchmarkGroup, string>): string[][] {
  return [...columns].flatMap(([{ kind, entries }, column]) => {
    const [first] = entries;
    if (first === undefined) return [];
    return [[column, TITLES[kind] ?? kind, imagesText(first), recipeText(first)]];
  });
}

/** A picture of a comparison. */
export interface BenchPicture {
  /** Path from the page. */
  readonly file: string;
  readonly title: string;
  readonly svg: string;
}

/** All results as points, levels of a network as curves, and shots as curves, where there are any. */
export async function benchPictures(bench: Bench): Promise<BenchPicture[]> {
  const { data } = bench;
  const cells = cellsOf(bench);
  const order = orderOf(cells);
  const made: BenchPicture[] = [
    {
      file: `curves/benchmarks-${data}.svg`,
      title: `Weights by protocol on ${data}`,
      svg: await chartSvg(pointsChart(cells, order, data)),
    },
  ];
  for (const { name, title, axis, of } of CURVES) {
    const values = bench.groups.flatMap(({ entries }) => entries.flatMap(of));
    if (new Set(values.map(({ x }) => x)).size < 2) continue; // one place is no curve
    made.push({
      file: `curves/${name}-${data}.svg`,
      title: `${title} on ${data}`,
      svg: await chartSvg(curveChart(values, order, { title: `${title} on ${data}`, axis })),
    });
  }
  return made;
}

interface CurvePoint {
  readonly x: number;
  readonly value: number;
  readonly weights: string;
}

const CURVES = [
  { name: 'levels', title: 'Linear top-1 by level', axis: 'feat', of: levelsOf },
  { name: 'shots', title: 'Low-shot mean AP by positives', axis: 'k', of: shotsOf },
] as const;

function pointsOf(entry: Entry, kinds: readonly string[], name: RegExp, plus: number) {
  if (!kinds.includes(describedBenchmark(entry).benchmark.kind)) return [];
  const weights = weightsKey(entry.record);
  return Object.entries(metricsOf(entry.record.final ?? {})).flatMap(([metric, value]) => {
    const place = name.exec(metric)?.[1];
    return place === undefined ? [] : [{ x: Number(place) + plus, value, weights }];
  });
}

function levelsOf(entry: Entry): CurvePoint[] {
  return pointsOf(entry, ['linear', 'places205'], /^head(\d)_top1$/, 1);
}

function shotsOf(entry: Entry): CurvePoint[] {
  return pointsOf(entry, ['lowshot'], /^k(\d+)_mean$/, 0);
}

function pointsChart(cells: readonly Cell[], order: readonly string[], data: string): object {
  return {
    title: { text: `Weights by protocol on ${data}, %`, anchor: 'start' },
    width: 480,
    height: 24 * order.length,
    data: { values: cells },
    mark: { type: 'point', filled: true, size: 60, opacity: 0.9 },
    encoding: {
      x: { field: 'value', type: 'quantitative', title: null, scale: { zero: false } },
      y: {
        field: 'weights',
        type: 'nominal',
        title: null,
        sort: order,
        axis: { grid: true, labelLimit: 220 },
      },
      color: { field: 'protocol', title: null, sort: null, scale: { scheme: 'tableau10' } },
      shape: { field: 'protocol', title: null, sort: null },
    },
  };
}

function curveChart(
  values: readonly CurvePoint[],
  order: readonly string[],
  { title, axis }: { readonly title: string; readonly axis: string },
): object {
  const places = [...new Set(values.map(({ x }) => x))].sort((a, b) => a - b);
  return {
    title: { text: `${title}, %`, anchor: 'start' },
    width: 480,
    height: 300,
    data: { values },
    mark: { type: 'line', point: { size: 24 } },
    encoding: {
      x: {
        field: 'x',
        type: 'ordinal',
        sort: places,
        axis: { labelExpr: `'${axis} ' + datum.label`, labelAngle: 0 },
        title: null,
      },
      y: { field: 'value', type: 'quantitative', title: null, scale: { zero: false } },
      color: { field: 'weights', title: null, sort: order, scale: { scheme: 'tableau20' } },
    },
  };
}
