import { resolve } from 'node:path';
import type { BenchmarkResult } from '../../harness/benchmark/options.ts';
import { type Verdict, verdictOn } from '../../harness/verify/golden_verdict.ts';
import { root } from './root.ts';

/** What a benchmark that was run has to show. */
export interface BenchmarkOutcome {
  readonly benchmark: string;
  readonly workDir: string;
  readonly finished: boolean;
  readonly summary: BenchmarkResult['summary'];
  readonly last: BenchmarkResult['record']['epochs'][number] | undefined;
  /** Where one is pinned of this very experiment: the drawn runs. */
  readonly golden?: Pick<Verdict, 'kind' | 'pass' | 'summary' | 'problems'>;
}

/** @param goldens the folder of all goldens */
export function benchmarkOutcome(
  { record, workDir, finished, summary }: BenchmarkResult,
  goldens = resolve(root, 'golden'),
): BenchmarkOutcome {
  const { name } = record.experiment;
  const outcome = { benchmark: name, workDir, finished, summary, last: record.epochs.at(-1) };
  if (!finished) return outcome;
  const { kind, pass, summary: text, problems } = verdictOn(record, goldens);
  return kind === 'none'
    ? outcome
    : { ...outcome, golden: { kind, pass, summary: text, problems } };
}

/** For the terminal: the numbers, what the golden says, how to go on. */
export function outcomeText({ finished, summary = {}, last, golden }: BenchmarkOutcome): string {
  const numbers = Object.entries(summary).map(
    ([metric, value]) => `${metric}: ${value.toFixed(2)}`,
  );
  if (!finished)
    return [...numbers, `stopped after ${last?.epoch} units; go on with --resume_from auto`].join(
      '\n',
    );
  return [...numbers, ...(golden === undefined ? [] : [golden.summary, ...golden.problems])].join(
    '\n',
  );
}
