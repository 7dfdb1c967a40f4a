import { markdownTable } from 'markdown-table';
import { metricsOf } from '../harness/record/entries.ts';
import { platformId } from '../harness/record/numerics.ts';
import { benchmarkSection } from './benchmark_section.ts';
import { escaped, htmlOf, markdownOf, prose } from './blocks.ts';
import { describedBy, type Entry, isTraining } from './entries.ts';
import type { Published } from './published.ts';

/** A row of the zoo's table; numbers are percent. */
export interface Row {
  readonly key: string;
  readonly experiment: string;
  readonly method: string;
  readonly backbone: string;
  readonly data: string;
  readonly epochs: string;
  readonly knn: number | undefined;
  readonly linear: number | undefined;
  /** k-NN of the initial weights. */
  readonly random: number | undefined;
  readonly spec: string;
  readonly weights: string;
  readonly platform: string;
  readonly verify: string;
  /** Why it is no result of today's code, where it is none. */
  readonly earlier: string | undefined;
}

export function rowOf(entry: Entry): Row {
  const { key, record, weights } = entry;
  const spec = describedBy(entry);
  const { method, backbone, data, precision, name } = spec;
  const done = record.epochs.length - 1;
  const knn = record.epochs.flatMap(({ metrics }) => metricsOf(metrics).knn_top1 ?? []);
  const width = backbone.width === 1 ? '' : ` × ${Number(backbone.width.toPrecision(3))}`;
  return {
    key,
    experiment: name,
    method: `${method.kind}, ${precision}`,
    backbone: `ResNet-${backbone.depth}${width}`,
    data: `${data.train.kind}, ${data.size} px`,
    epochs: done === spec.epochs ? String(done) : `${done} of ${spec.epochs}`,
    knn: knn.length > 1 ? knn.at(-1) : undefined,
    linear: metricsOf(record.final ?? {}).linear_top1,
    random: metricsOf(record.epochs[0]?.metrics ?? {}).knn_top1,
    spec: record.experimentId.slice(0, 12),
    weights: weights?.file ?? '–',
    platform: `${platformId(record)} (${record.fingerprint.device})`,
    verify: `npx zx scripts/reproduce.mjs ${name}`,
    earlier: entry.earlier,
  };
}

/** A run's name, with why it is no result of today's code where it is none. */
export function named({ experiment, earlier }: Row): string {
  return earlier === undefined ? experiment : `${experiment} (${earlier})`;
}

const COLUMNS: readonly (readonly [title: string, cell: (row: Row) => string])[] = [
  ['experiment', named],
  ['method', (row) => row.method],
  ['backbone', (row) => row.backbone],
  ['data', (row) => row.data],
  ['epochs', (row) => row.epochs],
  ['k-NN', (row) => percent(row.knn)],
  ['linear', (row) => percent(row.linear)],
  ['random weights, k-NN', (row) => percent(row.random)],
];
const PROOFS: readonly (readonly [title: string, cell: (row: Row) => string])[] = [
  ['experiment', named],
  ['spec', (row) => row.spec],
  ['platform', (row) => row.platform],
  ['weights', (row) => row.weights],
  ['record', (row) => `records/${row.key}.json`],
  ['how to verify', (row) => row.verify],
];

const TITLE = 'Model zoo';
const INTRO =
  'Generated from the records in `reports/records` by `npx zx scripts/report.mjs`; not edited by hand. ' +
  'Numbers are percent, top-1. Every one was measured by this code in the run whose record is named.';
const PROOF =
  'The spec is the beginning of the experiment id, SHA-256 of the whole experiment. A run on the same ' +
  'platform gives the same bits, on another one numbers within the measured bands (docs/records.md). ' +
  '`npx zx scripts/verify.mjs WORK_DIR` runs a single epoch again.';
const NONE = 'No records yet.';

/** What is to be known of records that are no results of today's code; nothing where all are. */
function earlierText(entries: readonly Entry[]): string[] {
  const marked = entries.filter(({ earlier }) => earlier !== undefined);
  if (marked.length === 0) return [];
  const runs = marked.filter(isTraining).map(({ key, earlier }) => `\`${key}\` (${earlier})`);
  const benchmarks = marked.length - runs.length;
  const parts = [
    ...runs,
    ...(benchmarks === 0 ? [] : [`${benchmarks} of benchmarks, marked in their tables`]),
  ];
  return [
    `**No results of today's code** are these records: ${parts.join(', ')}. The code has changed what it ` +
      'computes since. `npx zx scripts/remake.mjs` makes them again.',
  ];
}

/** The zoo as a markdown page. @param curves keys of the runs that have a curve in `curves/`. */
export function zooMarkdown(
  entries: readonly Entry[],
  curves: ReadonlySet<string>,
  published: Published,
): string {
  const rows = entries.filter(isTraining).map(rowOf);
  const code = (text: string, title: string) =>
    CODE.has(title) && text !== '–' ? `\`${text}\`` : text;
  const table = (columns: typeof COLUMNS) =>
    markdownTable([
      columns.map(([title]) => title),
      ...rows.map((row) => columns.map(([title, cell]) => code(cell(row), title))),
    ]);
  const pictures = rows
    .filter(({ key }) => curves.has(key))
    .flatMap(({ key, experiment }) => [`![${experiment}](curves/${key}.svg)`, '']);
  const paragraphs = [PROOF, ...earlierText(entries)].flatMap((text) => [text, '']);
  const proofs = ['## What vouches for them', '', ...paragraphs, table(PROOFS), ''];
  const body = rows.length === 0 ? [NONE, ''] : [table(COLUMNS), '', ...proofs];
  const shown = pictures.length === 0 ? [] : ['## Learning curves', '', ...pictures];
  const benchmarks = markdownOf(benchmarkSection(entries, published));
  return [`# ${TITLE}`, '', INTRO, '', ...body, ...benchmarks, ...shown].join('\n');
}

const CODE = new Set(['spec', 'platform', 'weights', 'record', 'how to verify']);

/** The same as one HTML page without scripts. */
export function zooHtml(
  entries: readonly Entry[],
  curves: ReadonlySet<string>,
  published: Published,
): string {
  const rows = entries.filter(isTraining).map(rowOf);
  const table = (columns: typeof COLUMNS) => [
    '<table>',
    `<tr>${columns.map(([title]) => `<th>${escaped(title)}</th>`).join('')}</tr>`,
    ...rows.map(
      (row) =>
        `<tr>${columns.map(([title, cell]) => `<td>${marked(cell(row), title)}</td>`).join('')}</tr>`,
    ),
    '</table>',
  ];
  const pictures = rows
    .filter(({ key }) => curves.has(key))
    .map(({ key, experiment }) => `<img src="curves/${key}.svg" alt="${escaped(experiment)}">`);
  const paragraphs = [PROOF, ...earlierText(entries)].map((text) => `<p>${prose(text)}</p>`);
  return [
    '<!doctype html>',
    `<html lang="en"><meta charset="utf-8"><title>${TITLE}</title>`,
    `<style>${STYLE}</style>`,
    `<h1>${TITLE}</h1>`,
    `<p>${prose(INTRO)}</p>`,
    ...(rows.length === 0
      ? [`<p>${NONE}</p>`]
      : [...table(COLUMNS), '<h2>What vouches for them</h2>', ...paragraphs]),
    ...(rows.length === 0 ? [] : table(PROOFS)),
    ...htmlOf(benchmarkSection(entries, published)),
    ...(pictures.length === 0 ? [] : ['<h2>Learning curves</h2>', ...pictures]),
    '</html>',
    '',
  ].join('\n');
}

const STYLE =
  'body{font-family:sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;line-height:1.5}' +
  'table{border-collapse:collapse;margin:1rem 0;font-size:.9rem}' +
  'th,td{border-bottom:1px solid #ddd;padding:.3rem .7rem;text-align:left}' +
  'img{display:block;max-width:100%;margin:1rem 0}';

function marked(text: string, title: string): string {
  return CODE.has(title) && text !== '–' ? `<code>${escaped(text)}</code>` : escaped(text);
}

function percent(value: number | undefined): string {
  return value === undefined ? '–' : value.toFixed(2);
}
