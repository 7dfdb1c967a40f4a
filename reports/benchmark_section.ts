import {
  type BenchmarkGroup,
  benchmarkGroups,
  imagesText,
  recipeText,
  resultsOf,
  resultText,
  resultTitle,
  weightsText,
} from './benchmark_rows.ts';
import type { Block } from './blocks.ts';
import { describedBy, type Entry, isTraining } from './entries.ts';
import { type Published, publishedColumn, publishedFor, publishedTables } from './published.ts';

/** Protocols in the order of the page, with what they are called there. */
export const TITLES: Readonly<Record<string, string>> = {
  knn: 'k-NN',
  linear: 'Linear, Multi: all levels',
  linear_last: 'Linear, Last: the averaged last level',
  places205: 'Places205, Multi',
  semi: 'Semi-supervised',
  svm: 'VOC07 linear SVM',
  lowshot: 'VOC07 low-shot SVM',
  detection: 'Detection, R50-C4',
};

const INTRO =
  'Weights judged by the standard protocols ([what they are](../docs/protocols.md)). Of each there are ' +
  '**own** results, which this code measured and whose record is named, and **published** ones, copied ' +
  'from OpenSelfSup (`docs/reference/model_zoo.json`). The published are of ResNet-50, trained on the ' +
  'whole of ImageNet and judged on the whole of the data that their table names; own networks and data ' +
  'are those of their row. Numbers are percent, and on other data they cannot be compared.';

/** The part of the zoo on benchmarks; nothing where there is no record of one. */
export function benchmarkSection(entries: readonly Entry[], published: Published): Block[] {
  const kinds = Object.keys(TITLES);
  const groups = benchmarkGroups(entries, kinds);
  if (groups.length === 0) return [];
  const seen = [...kinds, ...groups.map(({ kind }) => kind)];
  return [
    { kind: 'heading', level: 2, text: 'Benchmarks' },
    { kind: 'text', text: INTRO },
    ...[...new Set(seen)].flatMap((kind) => {
      const own = groups.filter((group) => group.kind === kind);
      const methods = methodsByRun(entries);
      const tables = publishedBlocks(published, kind);
      if (own.length === 0) return [];
      const heading: Block = { kind: 'heading', level: 3, text: TITLES[kind] ?? kind };
      return [heading, ...own.flatMap((group) => ownBlocks(group, published, methods)), ...tables];
    }),
  ];
}

/** Kind of the method of each training that has a record, by experiment id. */
function methodsByRun(entries: readonly Entry[]): ReadonlyMap<string, string> {
  return new Map(
    entries
      .filter(isTraining)
      .map((entry) => [entry.record.experimentId, describedBy(entry).method.kind]),
  );
}

/** Results of a group, best first by the metric that is published, else by the last top-1. */
function ownBlocks(
  group: BenchmarkGroup,
  published: Published,
  methods: ReadonlyMap<string, string>,
): Block[] {
  const { kind, name, percent, entries } = group;
  const [first] = entries;
  if (first === undefined) return [];
  const metrics = [...new Set(entries.flatMap((entry) => resultsOf(entry).map(([one]) => one)))];
  const column = publishedColumn(group);
  const rows = entries.map((entry) => {
    const { record, key } = entry;
    const values = new Map(resultsOf(entry));
    const method = methodOf(entry, methods);
    const told = publishedFor(published, method ?? '', { kind, percent, name });
    return [
      weightsText(record),
      backboneText(entry),
      ...metrics.map((metric) => resultText(kind, metric, values.get(metric))),
      ...(column === undefined ? [] : [told ?? '–']),
      `\`records/${key}.json\`${entry.earlier === undefined ? '' : ` (${entry.earlier})`}`,
    ];
  });
  const beside =
    column === undefined ? [] : [`published for the method (ResNet-50, whole data), ${column}`];
  const numbers = metrics.map((_, i) => i + 2);
  return [
    { kind: 'text', text: `**Own**, \`${name}\`: ${imagesText(first)}. ${recipeText(first)}.` },
    {
      kind: 'table',
      head: ['weights', 'backbone', ...metrics.map(resultTitle), ...beside, 'record'],
      rows: rows.sort((a, b) => ((a[0] ?? '') < (b[0] ?? '') ? -1 : 1)),
      right: column === undefined ? numbers : [...numbers, metrics.length + 2],
    },
  ];
}

function methodOf({ record }: Entry, methods: ReadonlyMap<string, string>): string | undefined {
  const { weightsOf, weightsExperiment = '' } = record.environment;
  return weightsOf === undefined ? 'random' : methods.get(weightsExperiment);
}

function backboneText({ record }: Entry): string {
  const { depth, width = 1 } = record.experiment.backbone as { depth: number; width?: number };
  return `ResNet-${depth}${width === 1 ? '' : ` × ${width}`}`;
}

function publishedBlocks(published: Published, kind: string): Block[] {
  return publishedTables(published, kind).flatMap(({ title, data, head, rows, notes }) => [
    { kind: 'text', text: `**Published**, ${title}: ResNet-50; ${data}.` },
    { kind: 'table', head, rows, right: head.flatMap((_, i) => (i === 0 ? [] : [i])) },
    ...notes.map((text): Block => ({ kind: 'text', text })),
  ]);
}
