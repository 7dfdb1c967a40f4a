import { command, experimentArgument, runOptions, tell } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary: 'Train an experiment; stop and go on at any time with the same result.',
    ends: 'saves',
    arguments: [experimentArgument],
    options: {
      ...runOptions,
      resume_from: {
        kind: 'text',
        value: 'FILE|auto',
        help: 'go on from a checkpoint, or from the furthest one in the work directory',
      },
      link: {
        kind: 'number',
        value: 'GBIT',
        min: 0.001,
        default: 10,
        help: 'Gbit/s between processes, for --dry_run',
      },
      dry_run: { kind: 'flag', help: 'build the graph, measure a few steps, train nothing' },
    },
    examples: [
      'moco',
      'moco-cifar10 --data ~/data --resume_from auto',
      'moco --set optimizer.lr=0.03 --work_dir work_dirs/slow',
      'moco/r50_v2 --dry_run --processes 4 --sequential',
    ],
  },
  async ({ options, args: [name], print }) => {
    const { experimentFrom } = await load('tools/command/experiment.ts');
    const { trainInterruptibly } = await load('tools/command/train.ts');
    const { experiment, methods } = await experimentFrom(name, options);
    if (options.dry_run) {
      const { dryRun } = await load('harness/run/dry_run.ts');
      const { dryRunText } = await load('harness/run/dry_run_text.ts');
      const { data, threads, processes = 1, sequential, link } = options;
      const layout = { processes, sequential, link };
      const found = await dryRun({ experiment, methods, data, threads, tell, layout });
      return print({ experiment: experiment.name, ...found }, dryRunText(experiment, found));
    }
    const { result, code } = await trainInterruptibly(experiment, methods, options);
    if (result === undefined) return code;
    const { record, workDir, finished } = result;
    const last = record.epochs.at(-1);
    print(
      { experiment: experiment.name, experimentId: record.experimentId, workDir, finished, last },
      finished
        ? `finished: ${workDir}, state ${last.stateHash}`
        : `stopped at epoch ${last.epoch} of ${experiment.epochs}; go on with --resume_from auto`,
    );
    return code;
  },
);
