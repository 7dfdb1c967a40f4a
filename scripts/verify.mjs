import { command, runOptions, tell } from './cli.mjs';
import { load } from './load.mjs';

const { data, pretrained, prefix, workers, threads } = runOptions;

await command(
  import.meta.url,
  {
    summary: 'Run one epoch of a run again and compare its bits with the record.',
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
    examples: ['work_dirs/moco', 'work_dirs/moco --epoch 1'],
  },
  async ({ options, args: [workDir], print }) => {
    const { methods } = await load('methods/index.ts');
    const { verifyEpoch } = await load('harness/verify/verify.ts');
    const { verificationText } = await load('harness/verify/verify_text.ts');
    const { untilInterrupted } = await load('tools/command/until_interrupted.ts');
    const { data: folder, epoch, pretrained: file, prefix } = options;
    const given = { data: folder, epoch, pretrained: file, prefix };
    const threads = { workers: options.workers, threads: options.threads };
    const found = await untilInterrupted('stopping after this step', (signal) =>
      verifyEpoch({ workDir, methods, ...given, ...threads, signal, tell }),
    );
    const { recorded: _, found: __, ...result } = found;
    print(result, verificationText(found));
    return found.pass ? 0 : 1;
  },
);
