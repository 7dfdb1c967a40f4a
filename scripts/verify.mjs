import { command, runOptions, tell } from './cli.mjs';
import { load } from './load.mjs';

const { data, pretrained, prefix, workers, threads } = runOptions;

await command(
  import.meta.url,
  {
    summary:
      'Run one epoch of a run, or one unit of a benchmark, again and compare its bits with the record.',
    ends: 'saves',
    arguments: [{ name: 'WORK_DIR', help: 'work directory of the run' }],
    options: {
      epoch: { kind: 'int', value: 'N', min: 1, help: 'which (default: the last that can be)' },
      data,
      pretrained,
      prefix,
      workers,
      threads,
    },
    examples: [
      'work_dirs/moco',
      'work_dirs/moco --epoch 1',
      'work_dirs/benchmarks/knn-drawn/random',
    ],
  },
  async ({ options, args: [workDir], print }) => {
    const { verifyRun } = await load('tools/command/verify.ts');
    const { verificationText } = await load('harness/verify/verify_text.ts');
    const { untilInterrupted } = await load('tools/command/until_interrupted.ts');
    const { data: folder, epoch, pretrained: file, prefix } = options;
    const given = { data: folder, epoch, pretrained: file, prefix };
    const threads = { workers: options.workers, threads: options.threads };
    const found = await untilInterrupted('stopping after this step', (signal) =>
      verifyRun({ workDir, ...given, ...threads, signal, tell }),
    );
    const { recorded: _, found: __, ...result } = found;
    print(result, verificationText(found));
    return found.pass ? 0 : 1;
  },
);
