import { resolve } from 'node:path';
import { command } from './cli.mjs';
import { load, root } from './load.mjs';

const { joinParity, parityOptions } = await load('tools/command/parity.ts');

await command(
  import.meta.url,
  {
    summary: 'Hold methods, optimizers and schedules to values of the reference implementation.',
    arguments: [
      { name: 'DIR', help: 'folder of cases, NAME.json and NAME.safetensors', optional: true },
    ],
    options: {
      case: { kind: 'list', value: 'NAME', help: 'run only this case; may be repeated' },
      supported: { kind: 'flag', help: 'leave out cases of kinds that are not supported yet' },
      ...parityOptions,
      verbose: { kind: 'flag', help: 'also list every tensor that is out of bounds' },
    },
    examples: ['', '../shared/parity --case moco_v2', '--case moco_ranks --processes 2'],
  },
  async ({ options, args: [directory], print }) => {
    const { runParity, lineOf } = await load('harness/testing/parity/run.ts');
    const { parityCases } = await load('golden/parity_cases.ts');
    const part = await joinParity(options);
    if (part.kind === 'launched') return part.code;
    const { processes, speaks, end } = part;
    const counts = { passed: 0, failed: 0 };
    const folder = resolve(directory ?? resolve(root, 'golden/parity'));
    const { supported } = options;
    const settings = { supported, processes };
    for await (const result of runParity(folder, parityCases, options.case, settings)) {
      counts[result.pass ? 'passed' : 'failed']++;
      if (!speaks) continue;
      print(result, lineOf(result));
      if (options.verbose && !options.json)
        for (const { name, error, problem = '' } of result.failed)
          print({}, `     ${error.toExponential(2)} ${name} ${problem}`);
    }
    if (speaks) print(counts, `${counts.passed} passed, ${counts.failed} failed`);
    return end(counts.failed > 0 || counts.passed === 0 ? 1 : 0);
  },
);
