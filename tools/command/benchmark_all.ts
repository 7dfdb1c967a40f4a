import { join } from 'node:path';
import { markdownTable } from 'markdown-table';
import { benchmarks } from '../../benchmarks/index.ts';
import { UserError } from '../../harness/base/index.ts';
import { UnsuitedWeights } from '../../harness/benchmark/definition.ts';
import type { BenchmarkResult } from '../../harness/benchmark/options.ts';
import { labelOf } from '../../harness/benchmark/weights.ts';
import { askedFor, type BenchmarkLine, benchmarkInterruptibly, weightsNamed } from './benchmark.ts';
import { isShared } from './benchmark_processes.ts';

/** What came of one protocol: its result, or why it was left out. */
export interface Row {
  readonly benchmark: string;
  readonly title: string;
  readonly result?: BenchmarkResult | undefined;
  readonly left?: string;
}

/**
 * Runs every protocol whose data are there, one after another; what is finished is not run again.
 * @param tell is told of those that are left out
 * @returns rows in the order of the protocols, and the exit code
 */
export async function benchmarkAll(
  from: string,
  options: BenchmarkLine,
  tell: (line: string) => void,
): Promise<{ readonly rows: readonly Row[]; readonly code: number }> {
  if (isShared(options))
    throw new UserError(
      '--processes: they share the training of one protocol; name one in place of all',
    );
  const weights = await weightsNamed(from, options);
  const label = weights === undefined ? 'random' : labelOf(weights);
  const folder = options.work_dir ?? join('work_dirs', 'benchmarks', 'all', label);
  const rows: Row[] = [];
  let failed = 0;
  for (const [kind, { title }] of Object.entries(benchmarks)) {
    const row = { benchmark: kind, title };
    try {
      const { experiment } = askedFor(kind, weights, options);
      const workDir = join(folder, experiment.name);
      const data = experiment.name.slice(kind.length + 1);
      const asked = { experiment, weights, workDir, features: join(folder, 'features', data) };
      const line = { ...options, resume_from: 'auto' };
      const { result, code } = await benchmarkInterruptibly(asked, line);
      rows.push({ ...row, result });
      if (code !== 0) return { rows, code };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      rows.push({ ...row, left: error.message });
      tell(`left out: ${error.message}`);
      if (!isAbsent(error) && !(error instanceof UnsuitedWeights)) failed = 1;
    }
  }
  return { rows, code: failed };
}

/** Data that are not there leave a protocol out; anything else that is wrong with one is a failure. */
function isAbsent({ message }: UserError): boolean {
  return message.includes('has none of its data');
}

/** One row a protocol. */
export function allText(rows: readonly Row[]): string {
  const table = rows.map(({ title, result, left }) => [
    title,
    result?.record.experiment.name ?? '–',
    left ?? metricsText(result),
  ]);
  return markdownTable([['benchmark', 'run', 'percent'], ...table]);
}

const SHOWN = 6; // metrics of a row; the record has all
/** What a protocol is known by. */
const HEADLINES: ReadonlySet<string> = new Set(['top1', 'top5', 'mAP']);

function metricsText(result: BenchmarkResult | undefined): string {
  const { summary = {}, finished = false } = result ?? {};
  const names = Object.keys(summary);
  const first = names.filter((name) => HEADLINES.has(name));
  const all = [...first, ...names.filter((name) => !HEADLINES.has(name))].map(
    (name) => `${name} ${summary[name]?.toFixed(2)}`,
  );
  const more = all.length > SHOWN ? `, and ${all.length - SHOWN} more` : '';
  return `${all.slice(0, SHOWN).join(', ')}${more}${finished ? '' : ' (not finished)'}`;
}
