import { command, reportOptions } from './cli.mjs';
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
    const { entriesIn, keepRecord, writeProtocols, writeZoo } =
      await load('reports/write_pages.ts');
    const { benchmarks } = await load('benchmarks/index.ts');
    for (const workDir of add) await keepRecord(workDir, out);
    const entries = entriesIn(out, workDirs);
    const file = await writeZoo(out, entries);
    await writeProtocols(out, benchmarks);
    print({ file, runs: entries.length }, `wrote ${file}: ${entries.length} runs`);
  },
);
