import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { z } from 'zod';
import { inTemporaryFolder, writeAtomic } from '../../harness/base/index.ts';
import { type SvmReport, svmMarkdown, svmReport, svmRun } from '../../reports/svm_speed.ts';
import { root } from '../command/root.ts';
import { processor, today } from './machine.ts';
import { COSTS, FOLDS, type SvmShape, svmFiles, writeFeatures } from './svm.ts';
import { startTimed } from './timed_process.ts';

export interface SvmOptions extends SvmShape {
  /** Python with scikit-learn. */
  readonly python: string;
  /** Classes of the sample. */
  readonly sampled: number;
  /** Runs of ours. */
  readonly rounds: number;
  /** Folder of the report. */
  readonly out: string;
  readonly date: string | undefined;
}

/** Times all machines of the protocol against a sample of scikit-learn's, and writes the report. */
export async function svmAgainst(
  options: SvmOptions,
): Promise<{ readonly report: SvmReport; readonly page: string }> {
  const { count, width, classes, date, out, rounds } = options;
  return inTemporaryFolder('svm-', async (folder) => {
    await writeFeatures(folder, options);
    const runs = [];
    for (let round = 0; round < rounds; round++)
      runs.push(svmRun.parse(await startTimed(ourCommand(folder, options)).result()));
    const theirs = await startTimed(theirCommand(folder, options)).result();
    const report = svmReport.parse({
      date: date ?? today(),
      machine: processor(),
      ...{ count, width, classes },
      costs: COSTS,
      folds: FOLDS,
      runs,
      sklearn: z.looseObject({}).parse(theirs),
    });
    const page = svmMarkdown(report);
    const text = `${JSON.stringify(report, null, 2)}\n`;
    await writeAtomic(resolve(out, 'svm_speed.json'), text);
    await writeAtomic(resolve(out, 'svm_speed.md'), page);
    return { report, page };
  });
}

function ourCommand(folder: string, { width, classes }: SvmOptions): string[] {
  const sizes = ['--width', width, '--classes', classes].map(String);
  return [
    process.execPath,
    resolve(root, 'scripts/bench_svm.mjs'),
    ...['--json', '--side', folder],
    ...sizes,
  ];
}

function theirCommand(folder: string, options: SvmOptions): string[] {
  const { python, width, classes, sampled } = options;
  const { features, labels } = svmFiles(folder);
  const script = resolve(root, 'tools/torch/bench_svm.py');
  const sizes = ['--width', width, '--classes', classes, '--sampled', sampled].map(String);
  const how = ['--processes', String(availableParallelism()), '--costs', COSTS.join(',')];
  return [python, script, features, labels, ...sizes, ...how, '--folds', String(FOLDS)];
}
