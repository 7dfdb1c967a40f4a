import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { command } from './cli.mjs';
import { load, root } from './load.mjs';

await command(
  import.meta.url,
  {
    summary: 'Make reports/MODEL_ZOO.{md,html} and the learning curves from records alone.',
    options: {
      add: { kind: 'list', value: 'WORK_DIR', help: 'first keep the record of this run' },
      work_dirs: { kind: 'text', value: 'DIR', help: 'also list the runs in here; for looking' },
      out: {
        kind: 'text',
        value: 'DIR',
        help: 'where records lie and pages go',
        default: resolve(root, 'reports'),
      },
    },
    examples: ['', '--add work_dirs/moco', '--work_dirs work_dirs --out /tmp/reports'],
  },
  async ({ options: { add, work_dirs: workDirs, out }, print }) => {
    const { readEntries, readWorkDirs, zooHtml, zooMarkdown } = await load('reports/zoo.ts');
    const { curveOf, curveSvg } = await load('reports/curve.ts');
    const { writeAtomic } = await load('harness/base/files.ts');
    const records = join(out, 'records');
    for (const workDir of add) await keep(workDir, records);
    const kept = readEntries(records);
    const known = new Set(kept.map(({ record }) => record.seal));
    const found = workDirs === undefined ? [] : readWorkDirs(workDirs);
    const entries = [...kept, ...found.filter(({ record }) => !known.has(record.seal))];
    const curves = new Set();
    for (const { key, record } of entries) {
      if (record.epochs.length < 3) continue; // one point is no curve
      await writeAtomic(join(out, 'curves', `${key}.svg`), await curveSvg(curveOf(record)));
      curves.add(key);
    }
    await writeAtomic(join(out, 'MODEL_ZOO.md'), zooMarkdown(entries, curves));
    await writeAtomic(join(out, 'MODEL_ZOO.html'), zooHtml(entries, curves));
    const { comparisonCurve, comparisonPage, groupsOf } = await load('reports/comparison.ts');
    for (const group of groupsOf(entries)) {
      const curve = `curves/comparison-${group.kind}.svg`;
      await writeAtomic(join(out, curve), await comparisonCurve(group));
      await writeAtomic(join(out, `METHODS-${group.kind}.md`), comparisonPage(group, curve));
    }
    const file = join(out, 'MODEL_ZOO.md');
    print({ file, runs: entries.length }, `wrote ${file}: ${entries.length} runs`);
  },
);

/** Copies a checked record, and what was published of it, under the experiment's name. */
async function keep(workDir, records) {
  const { readRecord } = await load('harness/record/record.ts');
  const { experiment } = readRecord(workDir);
  const key = experiment.name.replaceAll('/', '_');
  mkdirSync(records, { recursive: true });
  copyFileSync(join(workDir, 'record.json'), join(records, `${key}.json`));
  const published = join(workDir, 'published.json');
  if (existsSync(published)) copyFileSync(published, join(records, `${key}.weights.json`));
}
