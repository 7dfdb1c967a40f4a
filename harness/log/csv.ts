import { stringify } from 'csv-stringify/sync';
import type { Metrics } from '../experiment/index.ts';

export interface MetricRow {
  readonly epoch: number;
  readonly metrics: Metrics;
}

/** Per-epoch metrics as CSV, one column a metric, full precision, empty where an epoch lacks one. */
export function epochsCsv(rows: readonly MetricRow[]): string {
  const names = [...new Set(rows.flatMap(({ metrics }) => Object.keys(metrics)))];
  const records = rows.map(({ epoch, metrics }) => ({ epoch, ...metrics }));
  return stringify(records, {
    header: true,
    columns: ['epoch', ...names],
    cast: { number: String },
  });
}

/** One line of CSV from numbers, full precision. */
export function csvLine(values: readonly (string | number)[]): string {
  return stringify([values], { cast: { number: String } });
}
