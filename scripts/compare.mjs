import { command, dataOption, tell } from './cli.mjs';
import { load } from './load.mjs';

await command(
  import.meta.url,
  {
    summary: 'Name the first step and tensor at which two runs part.',
    arguments: [
      { name: 'A', help: 'a work directory, or a safetensors file' },
      { name: 'B', help: 'another one' },
    ],
    options: {
      rerun: {
        kind: 'flag',
        help: 'run both again side by side, from their last common checkpoint, until they part',
      },
      until: { kind: 'int', value: 'STEP', min: 1, help: 'with --rerun: the last step to run' },
      data: dataOption,
      workers: { kind: 'int', value: 'N', min: 0, help: 'threads that prepare data' },
      threads: { kind: 'int', value: 'N', min: 1, help: 'threads that compute' },
    },
    examples: [
      'work_dirs/a work_dirs/b --rerun',
      'work_dirs/here work_dirs/from_there',
      'a/epoch_2.safetensors b/epoch_2.safetensors',
    ],
  },
  async ({ options, args: [left, right], print }) => {
    const compare = await load('harness/verify/compare.ts');
    const { tensorDifferenceText } = await load('harness/verify/tensor_difference.ts');
    if (compare.kindOf(left, right) === 'files') {
      const apart = compare.compareFiles(left, right);
      for (const difference of apart) print(difference, tensorDifferenceText(difference));
      print({ differ: apart.length }, apart.length === 0 ? 'the same, bit by bit' : undefined);
      return apart.length === 0 ? 0 : 1;
    }
    const { comparisonText, rerunText } = await load('harness/verify/compare_text.ts');
    const found = compare.compareRuns(left, right);
    print(found, comparisonText(found));
    if (!options.rerun) return compare.isSame(found) ? 0 : 1;
    const { allMethods: methods, refuseRerun } = await load('tools/command/subject.ts');
    refuseRerun([left, right]);
    const { rerun } = await load('harness/verify/rerun.ts');
    const { data, workers, threads, until } = options;
    const again = await rerun({
      runs: [left, right],
      methods,
      data,
      workers,
      threads,
      until: until ?? found.step?.step,
      tell,
    });
    print(again, rerunText(again, [left, right]));
    return compare.isSame(found) && again.parting === undefined ? 0 : 1;
  },
);
