import { join } from 'node:path';
import { writeAtomic } from '../harness/base/index.ts';
import { readSteps } from '../harness/log/step_file.ts';
import type { RunRecord } from '../harness/record/record.ts';
import { summaryLines } from '../harness/record/summary.ts';
import { curveOf, curveSvg } from './curve.ts';

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
function runReport({ record, weights, golden }: RunReport): string {
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

/** Writes the page and the picture of a run into its work directory. */
export async function writeRunReport(workDir: string, report: RunReport): Promise<void> {
  const curve = curveOf(report.record, readSteps(workDir));
  await writeAtomic(join(workDir, 'curve.svg'), await curveSvg(curve));
  await writeAtomic(join(workDir, 'report.md'), runReport(report));
}
