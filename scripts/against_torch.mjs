import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { command } from './cli.mjs';
import { load, root } from './load.mjs';

await command(
  import.meta.url,
  {
    summary:
      'Make the report of a run of ours beside the same run in PyTorch (tools/torch/README.md).',
    arguments: [{ name: 'WORK_DIR', help: 'our run, finished' }],
    options: {
      theirs: { kind: 'text', value: 'FILE', help: 'JSON lines of the whole run in PyTorch' },
      first_ours: { kind: 'text', value: 'FILE', help: 'losses.jsonl of an fp32 trace of ours' },
      first_theirs: { kind: 'text', value: 'FILE', help: 'JSON lines of PyTorch on that trace' },
      torch: { kind: 'text', value: 'VERSION', help: 'version of PyTorch' },
      date: { kind: 'text', value: 'YYYY-MM-DD', help: 'day of the runs' },
      out: { kind: 'text', value: 'DIR', default: resolve(root, 'reports'), help: 'for the page' },
    },
    examples: ['work_dirs/moco-cifar10 --theirs torch.jsonl --first_ours trace/losses.jsonl …'],
  },
  async ({ options, args: [workDir], print }) => {
    const { readRecord } = await load('harness/record/record.ts');
    const { metricsOf } = await load('harness/record/entries.ts');
    const { experimentId } = await load('harness/experiment/spec.ts');
    const { writeAtomic } = await load('harness/base/files.ts');
    const report = await load('reports/pytorch.ts');
    const { experiment, epochs } = readRecord(workDir);
    const perEpoch = epochs.at(-1).step / epochs.at(-1).epoch;
    const ours = (metric) =>
      epochs.flatMap(({ epoch, metrics }) => {
        const value = metricsOf(metrics)[metric];
        return value === undefined ? [] : [{ epoch, value }];
      });
    const value = report.comparison.parse({
      date: options.date,
      torch: options.torch,
      experiment: experiment.name,
      experimentId: experimentId(experiment),
      firstSteps: differences(lines(options.first_ours), lines(options.first_theirs)),
      ours: { knn: ours('knn_top1'), loss: ours('loss') },
      theirs: theirs(lines(options.theirs), perEpoch),
    });
    const name = `${experiment.name.replaceAll('/', '_')}-pytorch`;
    const curve = `curves/${name}.svg`;
    await writeAtomic(join(options.out, `${name}.json`), `${JSON.stringify(value, null, 1)}\n`);
    await writeAtomic(join(options.out, curve), await report.comparisonSvg(value));
    const page = report.comparisonMarkdown(value, curve);
    await writeAtomic(join(options.out, `${name}.md`), page);
    print(report.verdictOf(value), page);
  },
);

function lines(file) {
  const text = readFileSync(file, 'utf8').split('\n');
  return text.filter((line) => line.trim() !== '').map((line) => JSON.parse(line));
}

/** Relative difference of the losses of each step that both have. */
function differences(ours, theirs) {
  const other = new Map(theirs.flatMap(({ step, loss }) => (loss > 0 ? [[step, loss]] : [])));
  return ours.flatMap(({ step, loss }) => {
    const reference = other.get(step);
    return reference === undefined ? [] : [Math.abs(loss - reference) / reference];
  });
}

/** Mean losses and k-NN by epoch of PyTorch's lines. */
function theirs(rows, perEpoch) {
  const losses = rows.flatMap(({ loss }) => (loss === undefined ? [] : [loss]));
  const mean = (epoch) => {
    const some = losses.slice((epoch - 1) * perEpoch, epoch * perEpoch);
    return some.reduce((sum, loss) => sum + loss, 0) / some.length;
  };
  const epochs = Math.floor(losses.length / perEpoch);
  const knn = new Map(
    rows.flatMap(({ step, knn_top1 }) =>
      knn_top1 === undefined ? [] : [[step / perEpoch, knn_top1]],
    ),
  );
  return {
    loss: Array.from({ length: epochs }, (_, i) => ({ epoch: i + 1, value: mean(i + 1) })),
    knn: [...knn].map(([epoch, value]) => ({ epoch, value })),
  };
}
