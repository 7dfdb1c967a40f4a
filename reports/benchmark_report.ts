import { join } from 'node:path';
import { markdownTable } from 'markdown-table';
import { writeAtomic } from '../harness/base/index.ts';
import { picturesIn } from '../harness/benchmark/pictures.ts';
import type { Picture } from '../harness/pictures/write_pictures.ts';
import { metricsOf } from '../harness/record/entries.ts';
import { platformId } from '../harness/record/numerics.ts';
import type { RunRecord } from '../harness/record/record.ts';
import { describedBenchmark, resultText, resultTitle, weightsText } from './benchmark_rows.ts';

/**
 * The page of one benchmark run. Made of the record, without dates: equal runs leave equal pages.
 * @param units names of the record's entries from the first on
 * @param pages other pages of the run, by their path from this one
 */
export function benchmarkReport(
  record: RunRecord,
  units: readonly string[],
  pictures: readonly Picture[],
  pages: readonly string[] = [],
): string {
  const { experiment, experimentId, epochs, final, finished } = record;
  const { kind } = describedBenchmark({ key: experiment.name, record }).benchmark;
  const summary = Object.entries(metricsOf(final ?? {}));
  return [
    `# ${experiment.name}`,
    '',
    `Of ${weightsText(record)}. Experiment \`${experimentId.slice(0, 12)}\` on platform \`${platformId(record)}\`; numbers are percent.`,
    '',
    ...(finished ? [] : [`Not finished: ${epochs.length - 1} of its parts are there.`, '']),
    ...(summary.length === 0
      ? []
      : [
          table(
            ['result', 'value'],
            summary.map(([name, value]) => [resultTitle(name), resultText(kind, name, value)]),
          ),
          '',
        ]),
    ...partsTable(record, units),
    ...(pages.length === 0
      ? []
      : [`More of it: ${pages.map((file) => `[${file}](${file})`).join(', ')}.`, '']),
    ...pictures.flatMap(({ file, title, note }) => [
      `## ${title}`,
      '',
      `![${title}](${file})`,
      '',
      ...(note === undefined ? [] : [note, '']),
    ]),
  ].join('\n');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const align = head.map((_, column) => (column === 0 ? 'l' : 'r'));
  return markdownTable([head, ...rows], { align });
}

/** A row for each unit or cell, where there are several. */
function partsTable({ epochs }: RunRecord, units: readonly string[]): string[] {
  const parts = epochs.slice(1).map(({ metrics }) => metricsOf(metrics));
  if (parts.length < 2) return [];
  const names = [...new Set(parts.flatMap((metrics) => Object.keys(metrics)))];
  const rows = parts.map((metrics, i) => [
    units[i] ?? String(i + 1),
    ...names.map((name) => metrics[name]?.toFixed(2) ?? '–'),
  ]);
  return [table(['part', ...names], rows), ''];
}

/** Writes the page into the run's work directory, beside its pictures and other pages. @returns its path */
export async function writeBenchmarkReport(
  workDir: string,
  record: RunRecord,
  units: readonly string[],
  pages: readonly string[] = [],
): Promise<string> {
  const file = join(workDir, 'report.md');
  await writeAtomic(file, benchmarkReport(record, units, picturesIn(workDir), pages));
  return file;
}
