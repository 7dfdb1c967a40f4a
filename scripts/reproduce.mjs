import { command, experimentArgument, runOptions, tell } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary: 'Run an experiment from nothing to stamped weights and compare it with its golden.',
    ends: 'saves',
    arguments: [experimentArgument],
    options: runOptions,
    examples: ['moco', 'moco-cifar10 --data ~/data'],
  },
  async ({ options, args: [name], print }) => {
    const { experimentFrom } = await load('tools/command/experiment.ts');
    const { trainInterruptibly, workDirOf } = await load('tools/command/train.ts');
    const { experiment, methods } = await experimentFrom(name, options);
    const { recordIn } = await load('harness/run/work_dir.ts');
    const before = recordIn(workDirOf(experiment, options));
    // Whatever an earlier start left is gone on with: the result has the same bits.
    const { result, code } = await trainInterruptibly(experiment, methods, {
      ...options,
      resume_from: 'auto',
    });
    if (result === undefined) return code;
    const { record, workDir, finished } = result;
    if (!finished) {
      tell('stopped; the same command goes on from here');
      return code;
    }
    const { outcomeOf } = await load('tools/reproduce/outcome.ts');
    const { published, golden, lines } = await outcomeOf(workDir, record, methods);
    const known = 'the run was finished before: compared, not trained again';
    const text = [...(before?.finished ? [known] : []), ...lines].join('\n');
    print({ record, workDir, published, golden }, text);
    return golden.pass ? 0 : 1;
  },
);
