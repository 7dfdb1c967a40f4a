import type { RunRecord } from '../harness/record/record.ts';
import { summaryLines } from '../harness/record/summary.ts';

/** What a finished run has to show besides its record. */
export interface RunReport {
  readonly record: RunRecord;
  /** Path of the published weights. */
  readonly weights: string;
  readonly golden: {
    readonly kind: string;
    readonly summary: string;
    /** Expected and found by epoch; empty without a golden. */
    readonly table: string;
    readonly remarks: readonly string[];
  };
}

/**
 * The page of one run, `report.md` in its work directory, beside the picture `curve.svg`. Made of the
 * record alone, without dates: equal runs leave equal pages.
 */
export function runReport({ record, weights, golden }: RunReport): string {
  const { kind, summary, table, remarks } = golden;
  return [
    `# ${record.experiment.name}`,
    '',
    '![Loss and k-NN by epoch](curve.svg)',
    '',
    '```',
    ...summaryLines(record),
    `weights     ${weights}`,
    '```',
    '',
    `Golden: ${kind}. ${summary}`,
    ...remarks.map((remark) => `\n- ${remark}`),
    '',
    ...(table === '' ? [] : [table, '']),
  ].join('\n');
}
