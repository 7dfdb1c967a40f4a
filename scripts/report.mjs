import { command, reportOptions, tell } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary:
      'Make the model zoo, its curves, comparisons and pages of benchmarks from records alone.',
    options: {
      add: { kind: 'list', value: 'WORK_DIR', help: 'first keep the record of this run' },
      work_dirs: { kind: 'text', value: 'DIR', help: 'also list the runs in here; for looking' },
      out: { ...reportOptions.out, help: 'where records lie and pages go' },
    },
    examples: ['', '--add work_dirs/moco', '--work_dirs work_dirs --out /tmp/reports'],
  },
  async ({ options: { add, work_dirs: workDirs, out }, print }) => {
    const { keepRecord, writeProtocols } = await load('reports/write_pages.ts');
    const { writeStanding, writtenText } = await load('reports/write_standing.ts');
    const { benchmarks } = await load('benchmarks/index.ts');
    for (const workDir of add) await keepRecord(workDir, out);
    const written = await writeStanding(out, workDirs);
    for (const remark of written.remarks) tell(remark);
    await writeProtocols(out, benchmarks);
    const { file, entries } = written;
    const earlier = entries.flatMap((entry) => (entry.earlier === undefined ? [] : [entry.key]));
    print({ file, runs: entries.length, earlier }, writtenText(written));
  },
);
