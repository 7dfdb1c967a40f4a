import { basename, join, resolve } from 'node:path';
import { command } from './cli.mjs';
import { experimentArgument, experimentFrom } from './experiment.mjs';
import { load, root } from './load.mjs';
import { refuseProcesses, runOptions, trainInterruptibly, workDirOf } from './training.mjs';

await command(
  import.meta.url,
  {
    summary: 'Run an experiment from nothing to stamped weights and compare it with its golden.',
    arguments: [experimentArgument],
    options: runOptions,
    examples: ['moco', 'moco-cifar10 --data ~/data'],
  },
  async ({ options, args: [name], print }) => {
    const { experiment, methods } = await experimentFrom(name, options);
    await refuseProcesses(options);
    const { recordIn } = await load('harness/run/work_dir.ts');
    const before = recordIn(workDirOf(experiment, options));
    // Whatever an earlier start left is gone on with: the result has the same bits.
    const { result, code } = await trainInterruptibly(experiment, methods, {
      ...options,
      resume_from: 'auto',
    });
    const { record, workDir, finished } = result;
    if (!finished) {
      process.stderr.write('stopped; the same command goes on from here\n');
      return code;
    }
    const { verdictOn, verdictTable } = await load('harness/verify/golden_verdict.ts');
    const { summaryLines } = await load('harness/record/summary.ts');
    const { publish } = await load('harness/publish/publish.ts');
    const published = await publish({ source: workDir, methods });
    const verdict = verdictOn(record, resolve(root, 'golden'));
    const table = verdict.rows.length > 0 ? verdictTable(verdict) : '';
    const remarks = [...verdict.problems, ...verdict.notes];
    await writeReport(workDir, {
      record,
      weights: basename(published.path),
      golden: { kind: verdict.kind, summary: verdict.summary, table, remarks },
    });
    const lines = [
      ...(before?.finished ? ['the run was finished before: compared, not trained again'] : []),
      ...(table === '' ? [] : [table, '']),
      ...summaryLines(record),
      `record      ${workDir}/record.json`,
      `weights     ${published.path}`,
      `golden      ${verdict.kind}: ${verdict.summary}`,
      ...remarks.map((line) => `            ${line}`),
      `report      ${workDir}/report.md`,
    ];
    const { kind, pass, summary, problems } = verdict;
    print(
      { record, workDir, published, golden: { kind, pass, summary, problems } },
      lines.join('\n'),
    );
    return pass ? 0 : 1;
  },
);

async function writeReport(workDir, report) {
  const { runReport } = await load('reports/run_report.ts');
  const { curveOf, curveSvg } = await load('reports/curve.ts');
  const { readSteps } = await load('harness/log/step_file.ts');
  const { writeAtomic } = await load('harness/base/files.ts');
  const curve = curveOf(report.record, readSteps(workDir));
  await writeAtomic(join(workDir, 'curve.svg'), await curveSvg(curve));
  await writeAtomic(join(workDir, 'report.md'), runReport(report));
}
