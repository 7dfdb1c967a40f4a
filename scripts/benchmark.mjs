import { command, tell } from './cli.mjs';
import { load } from './load.mjs';

const { benchmarkOptions } = await load('tools/command/benchmark.ts');

await command(
  import.meta.url,
  {
    summary: 'Judge weights by a standard protocol; stop and go on at any time.',
    ends: 'saves',
    arguments: [
      { name: 'NAME', help: 'of a benchmark, or all: every one whose data are there' },
      {
        name: 'WEIGHTS',
        help: 'a file of weights, also of PyTorch; a work directory or its record; or random',
      },
    ],
    options: benchmarkOptions,
    examples: [
      'knn random',
      'knn work_dirs/moco-cifar10 --data ~/data --preset cifar10',
      'all moco_v2_800ep_pretrain.pth.tar --data ~/data',
    ],
  },
  async ({ options, args: [name, from], print }) => {
    const { askedFor, benchmarkInterruptibly, dryRunOf, weightsNamed } = await load(
      'tools/command/benchmark.ts',
    );
    if (name === 'all') {
      const { allText, benchmarkAll } = await load('tools/command/benchmark_all.ts');
      const { rows, code } = await benchmarkAll(from, options, tell);
      print({ rows }, allText(rows));
      return code;
    }
    const weights = await weightsNamed(from, options);
    const asked = askedFor(name, weights, options);
    if (options.dry_run) {
      const { dryBenchmarkText } = await load('harness/benchmark/dry_run_text.ts');
      const found = await dryRunOf(asked, options, tell);
      return print(
        { benchmark: asked.experiment.name, ...found },
        dryBenchmarkText(asked.experiment, found),
      );
    }
    const { result, code } = await benchmarkInterruptibly(asked, options, options);
    if (result === undefined) return code;
    const { benchmarkOutcome, outcomeText } = await load('tools/command/benchmark_outcome.ts');
    const outcome = benchmarkOutcome(result);
    print(outcome, outcomeText(outcome));
    return outcome.golden?.pass === false ? 1 : code;
  },
);
