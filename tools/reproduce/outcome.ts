import { basename, resolve } from 'node:path';
import type { Methods } from '../../harness/experiment/index.ts';
import { type Published, publish } from '../../harness/publish/publish.ts';
import { numericsLine } from '../../harness/record/numerics.ts';
import type { RunRecord } from '../../harness/record/record.ts';
import { summaryLines } from '../../harness/record/summary.ts';
import { type Verdict, verdictOn, verdictTable } from '../../harness/verify/golden_verdict.ts';
import { writeRunReport } from '../../reports/run_report.ts';
import { root } from '../command/root.ts';

/** What a finished run has to show. */
export interface Outcome {
  readonly published: Published;
  readonly golden: Pick<Verdict, 'kind' | 'pass' | 'summary' | 'problems'>;
  readonly lines: readonly string[];
}

/** Publishes the weights of a finished run, compares it with its golden and writes its report. */
export async function outcomeOf(
  workDir: string,
  record: RunRecord,
  methods: Methods,
): Promise<Outcome> {
  const published = await publish({ source: workDir, methods });
  const verdict = verdictOn(record, resolve(root, 'golden'));
  const { kind, pass, summary, problems, notes } = verdict;
  const table = verdict.rows.length > 0 ? verdictTable(verdict) : '';
  const remarks = [...problems, ...notes];
  await writeRunReport(workDir, {
    record,
    weights: basename(published.path),
    golden: { kind, summary, table, remarks },
  });
  const lines = [
    ...(table === '' ? [] : [table, '']),
    ...summaryLines(record),
    `record      ${workDir}/record.json`,
    `weights     ${published.path}`,
    `golden      ${kind}: ${summary}`,
    ...remarks.map((line) => `            ${line}`),
    `report      ${workDir}/report.md`,
    numericsLine(record, record.epochs.at(-1)?.stateHash),
  ];
  return { published, golden: { kind, pass, summary, problems }, lines };
}
