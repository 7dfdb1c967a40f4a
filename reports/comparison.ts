import { markdownTable } from 'markdown-table';
import { parse as parseVega, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { metricsOf } from '../harness/record/entries.ts';
import { describedBy, type Entry, isTraining } from './entries.ts';
import { named, rowOf } from './zoo.ts';

/** Runs of one backbone over the same epochs of the same images, judged by the same others. */
export interface Group {
  /** Kind of the training source, e.g. `cifar10`. */
  readonly kind: string;
  readonly entries: readonly Entry[];
}

/** Fewest methods that make a comparison. */
const FEWEST = 3;

/** Entries by data, backbone and budget, those with at least three methods, in order of kind. */
export function groupsOf(entries: readonly Entry[]): Group[] {
  const groups = new Map<string, Entry[]>();
  for (const entry of entries.filter(isTraining)) {
    const { train, 'evaluation.test': test } = entry.record.data;
    if (train === undefined || test === undefined) continue;
    const { backbone, epochs } = rowOf(entry);
    const key = `${kindOf(entry)} ${train} ${test} ${backbone} ${epochs}`;
    groups.set(key, [...(groups.get(key) ?? []), entry]);
  }
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, list]) => ({ kind: key.split(' ')[0] ?? key, entries: list.sort(byKnn) }))
    .filter(({ entries: list }) => new Set(list.map(methodOf)).size >= FEWEST);
}

function kindOf(entry: Entry): string {
  return describedBy(entry).data.train.kind;
}

function methodOf(entry: Entry): string {
  return describedBy(entry).method.kind;
}

function byKnn(a: Entry, b: Entry): number {
  const [x, y] = [rowOf(a), rowOf(b)];
  return (y.knn ?? 0) - (x.knn ?? 0) || (x.experiment < y.experiment ? -1 : 1);
}

/** The comparison as one markdown page. @param curve its picture, beside the page */
export function comparisonPage({ kind, entries }: Group, curve: string): string {
  const rows = entries.map((entry) => {
    const row = rowOf(entry);
    const { backbone, epochs, random, knn, linear } = row;
    const gain = knn === undefined || random === undefined ? undefined : knn - random;
    const { step } = entry.record.epochs.at(-1) ?? { step: 0 };
    return [
      ...[named(row), methodOf(entry), backbone, epochs, String(step)],
      ...[random, knn, gain, linear].map((value) => value?.toFixed(2) ?? '–'),
    ];
  });
  const beaten = entries.every((entry) => {
    const { knn = 0, random = 100 } = rowOf(entry);
    return knn > random;
  });
  return [
    `# Methods on ${kind}`,
    '',
    'Generated from the records in `reports/records` by `npx zx scripts/report.mjs`; not edited by hand. All runs trained the same backbone for the same epochs of the same images and are judged by the same others. Numbers are percent, top-1, of the frozen backbone.',
    '',
    markdownTable(
      [
        [
          'experiment',
          'method',
          'backbone',
          'epochs',
          'steps',
          'random weights, k-NN',
          'k-NN',
        ].concat(['gain', 'linear']),
        ...rows,
      ],
      { align: ['l', 'l', 'l', 'r', 'r', 'r', 'r', 'r', 'r'] },
    ),
    '',
    beaten
      ? 'Every method beats random weights.'
      : 'Not every method beats random weights: see the column of gains.',
    '',
    `![k-NN over epochs](${curve})`,
    '',
  ].join('\n');
}

/** k-NN of each run over the share of its epochs, as SVG. */
export async function comparisonCurve({ kind, entries }: Group): Promise<string> {
  const values = entries.flatMap(({ record }) =>
    record.epochs.flatMap(({ epoch, metrics }) => {
      const value = metricsOf(metrics).knn_top1;
      return value === undefined ? [] : [{ epoch, value, run: record.experiment.name }];
    }),
  );
  const spec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: { text: `k-NN top-1 on ${kind}, %`, anchor: 'start' },
    background: 'white',
    width: 560,
    height: 320,
    data: { values },
    mark: { type: 'line', point: { size: 18 } },
    encoding: {
      x: { field: 'epoch', type: 'quantitative', axis: { tickMinStep: 1 } },
      y: { field: 'value', type: 'quantitative', title: null, scale: { zero: false } },
      color: { field: 'run', title: null, scale: { scheme: 'tableau20' } },
    },
    config: { font: 'sans-serif', view: { stroke: null }, legend: { labelLimit: 240 } },
  } as TopLevelSpec;
  const view = new View(parseVega(compile(spec).spec), { renderer: 'none' });
  try {
    return `${await view.toSVG()}\n`;
  } finally {
    view.finalize();
  }
}
